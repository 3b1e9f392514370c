"""Whether a training has left anything in a network, however a mistake has bent what it gives out.

A loss does not tell: images on another scale, a softmax at the end or a loss of another kind make it as high as that of
fresh weights, or higher. So what is looked at has no scale: whose image a copy is like.
"""

import numpy as np

# Networks of chapters 1 to 3 with every usual mistake, trained for a tenth of an epoch, reach 0.75 or, as those that know
# no more than the mean image, 0.85; fresh ones at most 0.64 and 0.38.
_TOLD_APART = 0.75
_LIKE_THE_MEAN = 0.65
USED = 1e-3  # copies that differ by less ignore the code


def has_learned(images: np.ndarray, copies: np.ndarray, saturated: bool = False) -> bool:
    """Whether copies tell of a training: each is more like its own image than like another's, or all like the mean image.

    images, copies: arrays of the same shape, an image a row, images on the scale on which the network was trained; of
    networks that draw, one copy each. saturated: whether
    it may be one and the same copy, because images beyond 1 drove the network to its limits.
    """
    if copies.shape != images.shape or not np.isfinite(copies).all():
        return False
    images, copies = (array.reshape(len(array), -1).astype(np.float64) for array in (images, copies))
    if not saturated and np.ptp(copies, axis=0).max() < USED:
        return False
    return (
        _told_apart(images, copies) > _TOLD_APART or _like(copies.mean(0), images.mean(0).clip(0, 1)) > _LIKE_THE_MEAN
    )


def _told_apart(images, copies) -> float:
    """How often an image goes better with its own copy than with the next image's; 0.5 is chance."""
    images, copies = images - images.mean(0), copies - copies.mean(0)
    lengths = np.linalg.norm(copies, axis=1)
    if not lengths.min() > 1e-6:
        return 0.0
    copies = copies / lengths[:, None]
    return float(((images * copies).sum(1) > (images * np.roll(copies, 1, axis=0)).sum(1)).mean())


def _like(one, other) -> float:
    """The correlation of two images; 0 for one without any contrast."""
    one, other = one - one.mean(), other - other.mean()
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / lengths) if lengths > 1e-9 else 0.0
