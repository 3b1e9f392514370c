"""Images and cells to measure losses on that no learner's process can have seen, made from the instructor's secret.

The course's test images are public, so a network can have learnt them by heart. From the secret comes a
choice of test digits, each written a little differently, flowers that nobody has drawn before, and cells of which
each gene is taken from one or the other of two test cells. The
thresholds of reference.toml hold for them as for the public images (calibration.py measures that): networks
that were trained as the chapters say pass, and a table that answers with the nearest public image does not.

No images can tell everything: a large table that blends several near images is a better model of any digits,
unseen ones included, than two latent variables are. That a network squeezes an image as its chapter asks is
for the rules to look at.
"""

import contextlib
import functools
import hashlib
import os
import secrets
import stat
from pathlib import Path

import numpy as np
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images.cells import PER_CELL, counts_of, load_cells
from autoencoder_helpers.images.flower_drawing import draw_flowers
from autoencoder_helpers.images.flower_photos import public_photos_at_hand
from autoencoder_helpers.images.flowers import load_flowers
from autoencoder_helpers.images.mnist import load_mnist
from PIL import Image

SECRET_FILE = Path(".grading") / "secret"  # in the course folder
_SECRET_BITS = 128

# One digit of every four is taken. From secret to secret the mean loss of a network then has a standard
# deviation of 0.7 nats per image; right networks lie 6 and more from the thresholds on public images.
_DIGITS = 2500
# A digit takes over the slant of another one of its kind, and is made wider or narrower by up to this
# (natural logarithm of the factor). Measured with trained networks, over 20 secrets that raises the mean loss
# of right ones by 0.6 to 2.7 nats per image. Waves and shifts that change a digit as much raise it by 5 and
# more, because a network with two latent variables cannot follow what MNIST does not hold.
_MOST_WIDER = 0.12
# Interpolation makes edges soft, and grey pixels raise the floor of the cross-entropy. This factor of the
# contrast around 1/2 brings the floor back to that of the public images.
_CONTRAST = 1.075
_INK = 0.3  # from this grey on, a pixel belongs to the digit's outline
_MARGIN = 4  # empty rows between two images when all are interpolated as one tall one

_FLOWERS = 100
_SIDE = 80  # of a flower, in pixels
_MOST_CROPPED = 0.1  # of a photo's side
_NEAREST = 3  # cells of its type and of nearly its total, of which one is the other parent of a private cell
#: What the images of a secret depend on beside the secret, the public images and the code.
SETTINGS = {
    "digits": _DIGITS,
    "most_wider": _MOST_WIDER,
    "contrast": _CONTRAST,
    "flowers": _FLOWERS,
    "most_cropped": _MOST_CROPPED,
    "nearest": _NEAREST,
}
_KEPT = 32  # secrets whose images a process keeps, 16 MB each


class PrivateData(PublicData):
    """What PublicData has, with images to measure losses on that follow from a secret.

    secret: whole number, 0 or more, as `secret_seed` gives it. Two objects with the same secret have the same
    images; a process makes them once. `mnist_images` stay the public ones, because answers
    such as the codes of the test set are compared with them.
    """

    def __init__(self, secret: int):
        self._secret = secret

    @property
    def mnist_images(self) -> np.ndarray:
        """The public ones, made for each who asks: kept, they would be 31 MB in every process that scores."""
        return PublicData().mnist_images

    @property
    def unseen_digits(self) -> np.ndarray:
        """Digits as MNIST has them, each like no public one: float32 (2500, 28, 28) in [0, 1], read-only.

        Like the public ones they hold multiples of 1/255, and the kinds and the amounts of ink are theirs.
        """
        return _digits(self._secret)

    def flowers(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """(mean training image (1, 80, 80, 3), unseen images (100, 80, 80, 3)), float32 in [0, 1].

        source: "synthetic" (drawn from the secret) or "photos" (a choice of the test split of load_flowers,
        mirrored or not, cropped a little). The mean training image is the public one: the baseline stays the
        loss of a model that knows nothing but the flowers' mean, here on these images.
        Raises CourseError when photos are asked for and none are at hand; grading does not download.
        """
        return _flowers(source, self._secret)

    @property
    def unseen_cells(self) -> tuple[np.ndarray, np.ndarray]:
        """(expression, counts) of 140 cells, float32 (140, 765), read-only: of each gene it has what one of two test cells has.

        The two are of one type, and have about as many counts; which of them a gene is taken from, chance decides. So each
        cell is one of its type that nobody has measured, with the noise of single counts that measured ones have.
        """
        return _cells(self._secret)


def secret_seed(course_folder: Path) -> int:
    """Return the instructor's secret, a whole number of 128 bits; the first call makes it.

    It stands in .grading/secret in the course folder, readable to its owner only, or to its group, too, where that may
    write to the course's folder: to all who grade this course. Whoever knows it can make
    the private images: it belongs into no release, no repository and no sandbox.
    Raises CourseError when the file is damaged or cannot be read or written.
    """
    import filelock

    path = Path(course_folder) / SECRET_FILE
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(path.with_name("secret.lock"), mode=_mode(course_folder)):
                if not path.exists():  # another process may have made it while this one waited
                    write_secret(course_folder, secrets.randbits(_SECRET_BITS))
        status, mode = path.stat(), _mode(course_folder)
        if os.name == "posix" and status.st_mode & 0o077 & ~mode and status.st_uid == os.geteuid():
            path.chmod(mode)  # a copied or restored course may have lost it
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise CourseError(
            f"The secret of the private images, {path}, cannot be read or written "
            f"({error.strerror or error}); check who owns the folder, and the disk."
        ) from error
    if len(text) != _SECRET_BITS // 4 or set(text) - set("0123456789abcdef"):
        raise CourseError(
            f"The secret of the private images, {path}, is damaged; put it back from a backup, or delete it: "
            "then a new one is made, and from there on losses are measured on other images than before."
        )
    return int(text, 16)


def derived_seed(secret: int, purpose: str) -> int:
    """Return a seed of 256 bits for one purpose, from which neither the secret nor another seed follows."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{secret:x}".encode()).digest())


def write_secret(course_folder: Path, secret: int) -> None:
    """Put a secret into a course folder, readable to its owner, or to those who share the course. Raises OSError."""
    path = Path(course_folder) / SECRET_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="ascii") as file:
        file.write(f"{secret:0{_SECRET_BITS // 4}x}\n")
        file.flush()
        os.fsync(handle)  # a secret lost in a power cut would change the images in the middle of a course
    shared = _mode(course_folder) & 0o060
    if shared:
        with contextlib.suppress(OSError):  # of a group that this user is not in
            os.chown(unfinished, -1, Path(course_folder).stat().st_gid)
            os.chmod(unfinished, _mode(course_folder))
    os.replace(unfinished, path)


def _mode(course_folder: Path) -> int:
    """What may be done with a secret, and by whom: by the group only where it may write to the course's folder."""
    return 0o660 if os.name == "posix" and Path(course_folder).stat().st_mode & stat.S_IWGRP else 0o600


def _generator(secret, purpose):
    return np.random.default_rng(derived_seed(secret, purpose))


# -- digits


@functools.lru_cache(maxsize=_KEPT)
def _digits(secret):
    rng = _generator(secret, "digits")
    _, (images, labels) = load_mnist()
    chosen = _choice(images, labels, rng)
    digits = _written_differently(images[chosen] / 255, labels[chosen], rng)
    digits.flags.writeable = False
    return digits


def _choice(images, labels, rng):
    """Indices of _DIGITS images: one of each block of images of one kind with nearly the same ink.

    A thick digit costs a network more nats than a thin one; with the ink held, secrets differ less.
    """
    order = np.lexsort((images.sum(axis=(1, 2), dtype=np.int64), labels))
    blocks = order[: len(order) // _DIGITS * _DIGITS].reshape(_DIGITS, -1)
    return blocks[np.arange(_DIGITS), rng.integers(blocks.shape[1], size=_DIGITS)]


def _written_differently(x, labels, rng):
    """The images x, float64 (n, 28, 28) in [0, 1], with other slants and widths; float32 of the same shape.

    As MNIST's makers did it, a digit is centred on its centre of mass and its longer side keeps its length.
    """
    centre, slant = _centre_and_slant(x)
    wider = np.exp(rng.uniform(-_MOST_WIDER, _MOST_WIDER, len(x)))
    slanted = _exchanged(slant, labels, rng) - wider * slant
    # One matrix a digit, for offsets (row, column) from its centre of mass.
    change = np.array([[np.ones(len(x)), np.zeros(len(x))], [slanted, wider]]).transpose(2, 0, 1)
    change *= _longer_sides(x) / _longer_sides(x, change)
    moved = _interpolate(x, centre, np.linalg.inv(change))
    sharpened = np.clip((moved - 0.5) * _CONTRAST + 0.5, 0, 1)
    return (np.rint(sharpened * 255) / 255).astype(np.float32)


def _centre_and_slant(x):
    """Centres of mass, (n, 2) rows and columns, and slants, (n,): columns to the right for each row down."""
    line = np.arange(x.shape[1])
    ink, rows, columns = x.sum(axis=(1, 2)), x.sum(axis=2), x.sum(axis=1)
    centre = np.stack([rows @ line, columns @ line], axis=1) / ink[:, None]
    down, right = line - centre[:, :1], line - centre[:, 1:]
    return centre, np.einsum("nij,ni,nj->n", x, down, right) / (rows * down**2).sum(axis=1)


def _exchanged(slant, labels, rng):
    """The slants, handed round at random among the digits of each kind, (n,).

    So the digits as a whole slant as before, which networks that have learnt from MNIST rely on.
    """
    exchanged = np.empty(len(labels))
    for kind in np.unique(labels):
        exchanged[labels == kind] = rng.permutation(slant[labels == kind])
    return exchanged


def _longer_sides(x, change=None):
    """Height or width of each digit, whichever is longer, after the matrices `change`; shape (n, 1, 1)."""
    image, *place = np.nonzero(x > _INK)
    place = np.stack(place).astype(float)  # (2, pixels with ink), image after image
    if change is not None:
        place = np.einsum("kij,jk->ik", change[image], place)
    first = np.searchsorted(image, np.arange(len(x)))
    sides = np.maximum.reduceat(place, first, axis=1) - np.minimum.reduceat(place, first, axis=1)
    return sides.max(axis=0)[:, None, None]


def _interpolate(x, centre, back):
    """The images at back @ (place - centre) + centre for each place of the raster, by cubic splines."""
    from scipy import ndimage

    count, height, width = x.shape
    grid = np.indices((height, width)).reshape(2, -1)
    places = back @ (grid - centre[:, :, None]) + centre[:, :, None]  # (n, 2, pixels)
    # All images as one tall one, which SciPy works through in one call instead of thousands.
    tall = np.pad(x, ((0, 0), (_MARGIN, _MARGIN), (0, 0))).reshape(-1, width)
    rows = np.clip(places[:, 0], 1 - _MARGIN, height - 2 + _MARGIN) + _MARGIN
    rows += (height + 2 * _MARGIN) * np.arange(count)[:, None]
    moved = ndimage.map_coordinates(tall, [rows, places[:, 1]], order=3, mode="constant")
    return moved.reshape(x.shape)


# -- flowers


def prepare_photos() -> None:
    """Fill the cache with the photos that are at hand, for a process that can read the cache only."""
    if _photos_at_hand():
        with contextlib.suppress(CourseError):  # who needs them is told
            load_flowers("photos")


def _photos_at_hand() -> bool:
    return bool(os.environ.get("AUTOENCODER_FLOWERS", "").strip()) or public_photos_at_hand(_SIDE)


@functools.lru_cache(maxsize=_KEPT)
def _flowers(source, secret):
    rng = _generator(secret, f"flowers, {source}")
    if source == "synthetic":
        mean, _ = PublicData().flowers(source)
        images = draw_flowers(_FLOWERS, seed=derived_seed(secret, "drawn flowers"))[0]
    else:
        if not _photos_at_hand():
            raise CourseError(
                "No flower photos are at hand, so a network for photos cannot be graded; set "
                "AUTOENCODER_FLOWERS to their archive or folder, or fetch them once with "
                'load_flowers("photos").'
            )
        mean, _ = PublicData().flowers(source)
        # Of all photos of the long run: no run of the course trains on their test images.
        photos = load_flowers(source).x_test
        chosen = rng.choice(len(photos), min(_FLOWERS, len(photos)), replace=False)
        images = np.stack([_other_view(photos[i], rng) for i in chosen])
    images = images / np.float32(255)
    images.flags.writeable = False
    return mean, images


def _other_view(photo, rng):
    """A photo as someone else might have framed it: perhaps mirrored, a little closer; uint8, same shape."""
    side = len(photo)
    part = side * (1 - rng.uniform(0, _MOST_CROPPED))
    left, top = rng.uniform(0, side - part, 2)
    picture = Image.fromarray(photo[:, ::-1] if rng.random() < 0.5 else photo)
    box = (left, top, left + part, top + part)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS, box=box))


# -- cells


@functools.lru_cache(maxsize=_KEPT)
def _cells(secret):
    rng = _generator(secret, "cells")
    published = load_cells()
    counts = counts_of(published.x_test)
    totals = counts.sum(axis=1)
    # Of all genes of the cell, of which these are a part: what the published numbers are scaled by.
    one = np.where(published.x_test > 0, published.x_test, np.inf).min(axis=1)
    whole = PER_CELL / np.expm1(one.astype(np.float64))
    others = np.array([_other_parent(cell, published.y_test, totals, rng) for cell in range(len(counts))])
    from_other = rng.random(counts.shape) < 0.5
    children = np.where(from_other, counts[others], counts)
    expression = np.log1p(children * PER_CELL / ((whole + whole[others]) / 2)[:, None]).astype(np.float32)
    children.flags.writeable = expression.flags.writeable = False
    return expression, children


def _other_parent(cell, labels, totals, rng):
    """Another cell of the same type, one of the nearest in total counts."""
    kind = np.flatnonzero((labels == labels[cell]) & (np.arange(len(labels)) != cell))
    return rng.choice(kind[np.argsort(np.abs(totals[kind] - totals[cell]), kind="stable")[:_NEAREST]])
