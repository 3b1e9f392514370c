"""Whether a network was compiled with the binary cross-entropy: told by its values, whatever it is called."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.models import compiled_loss, loss_of, stages

_STEADY = 1.01  # how many times another a multiple of the cross-entropy may be; a clip or an epsilon makes some of it

# Of four images: the share of black and white pixels, and from which grey on these are ink. Of their predictions: how
# much they know of the image, how dark they are, how much is chance. Good predictions, wrong ones and such as know
# nothing: a mixture with another loss, or smoothed labels, is another multiple of the cross-entropy for each.
_IMAGES = ((0.7, 0.5), (0.6, 0.7), (0.4, 0.3), (0.5, 0.8))
_PREDICTIONS = ((3.0, 0.0, 1.0), (-3.5, 0.0, 1.5), (0.0, 0.5, 0.5), (0.0, -2.0, 1.0))
_EDGE = 0.001  # how near predictions come to 0 and 1: no sensible clip reaches there


def expect_bce_loss(step, model, image_shape):
    """Inside a step: fail unless the compiled loss is the binary cross-entropy, up to a positive factor.

    For a network without an activation at its end, whose outputs are logits, that of logits is right, too.
    """
    batches = list(_batches(step.rng, image_shape))
    readings = [lambda p: p]
    if stages(model) and stages(model)[-1].activation == "linear":
        readings.append(lambda p: np.log(p / (1 - p)))
    found = []
    for reading in readings:
        ratios = [
            compiled_loss(model, x, reading(p)) / float(measures.bce_per_image(x, p).mean() / x[0].size)
            for x, p in batches
        ]
        found.append(bool(np.isfinite(ratios).all()) and min(ratios) > 0 and max(ratios) < _STEADY * min(ratios))
    name = str(_loss_name(model))
    right_name = "binarycrossentropy" in name.lower().replace("_", "")
    step.expect(
        any(found),
        expected="binary cross-entropy of grey values between 0 and 1",
        found=f"{name}, with other values" if right_name else name,
        look="Behind a sigmoid the loss takes no from_logits=True; is anything else done to it?"
        if right_name
        else "the loss in autoencoder.compile(...)",
        mistake="wrong-loss",
    )


def _batches(rng, image_shape):
    """Pairs (images, predictions) of two each: one image twice; and two that differ, to tell who looks at another's."""
    for settings in zip(_IMAGES, _PREDICTIONS, strict=True):
        x, p = _pair(rng, image_shape, *settings)
        yield np.stack([x, x]), np.stack([p, p])
    for of_image, of_prediction in zip(_IMAGES[:3], _PREDICTIONS[:3], strict=True):
        pairs = [_pair(rng, image_shape, of_image, of_prediction) for _ in range(2)]
        yield tuple(np.stack(parts) for parts in zip(*pairs, strict=True))


def _pair(rng, shape, of_image, of_prediction):
    (sharp, ink), (known, dark, chance) = of_image, of_prediction
    x = rng.random(shape)
    x = np.where(rng.random(shape) < sharp, x > ink, x)
    p = 1 / (1 + np.exp(-(known * (2 * x - 1) + dark + rng.normal(0, chance, shape))))
    return x.astype(np.float32), p.clip(_EDGE, 1 - _EDGE).astype(np.float32)


def _loss_name(model) -> str:
    loss = loss_of(model)
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
