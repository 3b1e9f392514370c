"""A learner's loss of reconstructions, read: which quantity it is, and how an image's values are put together.

Three chapters ask for one. Each of the two is half of the exercise, so that the same slip costs the same in all three
(docs/points.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from autoencoder_helpers import measures

ADDED = (
    "Is a KL added here, too? In a network the encoder's regularizer adds it; the loss is the reconstruction's alone."
)
FAR = 1000  # times an image: what is added and grows with the image, as a KL does, is large there
_STEADY = 0.002  # as a share: how much the multiple of a quantity may differ from image to image
_BITS = 1 / np.log(2)
_LOGITS = "Behind a sigmoid stand probabilities, not logits: no from_logits=True, and no second sigmoid."
_GREYS = "`tfd.Bernoulli(...).log_prob` cuts NumPy's greys to whole numbers: hand it `dtype=tf.float32`, or tensors."


@dataclass(frozen=True)
class Quantity:
    """What a loss may be made of. values: of each image, summed over its pixels; slug: empty for the right one."""

    values: np.ndarray
    slug: str = ""
    found: str = ""
    look: str = ""


@dataclass(frozen=True)
class Reading:
    """What a loss gives.

    alone: a number for each image, asked for by itself, the mean over whatever axes it leaves, as Keras takes it.
    together: what it gives for all at once. quantity: which one it is a steady multiple of; None if of none known.
    multiple: how much it is of that quantity, summed over an image; nan if of none.
    added: what each image's loss holds beside it that is the same for any prediction, as a KL is; None if nothing.
    """

    alone: np.ndarray
    together: np.ndarray
    quantity: Quantity | None
    multiple: float
    added: np.ndarray | None = None

    @property
    def without_added(self) -> np.ndarray:
        """What it gives for all at once, but for what is added."""
        if self.added is None:
            return self.together
        return self.together - (self.added if self.together.shape == self.added.shape else self.added.mean())

    def split(self, scales) -> tuple[str, float]:
        """(slug of a wrong unit or empty, the multiple without it); scales: the multiples that are known."""
        scale = abs(self.multiple)
        if self.multiple < 0:
            return "wrong-sign", scale
        if any(abs(scale - _BITS * known) < 0.003 * _BITS * known for known in scales):
            return "bits", scale / _BITS
        return "", scale

    def each(self, scales, right: float) -> np.ndarray:
        """What each image's loss is to be, of this quantity and in this unit, if it is put together rightly."""
        scale = self.split(scales)[1]
        return self.quantity.values * right * self.multiple / scale


def read_loss(loss: Callable, x: np.ndarray, p: np.ndarray) -> Reading:
    """Read a loss on images and predictions, arrays (N, ...); loss(x, p) returns an array."""

    def each_alone(p):
        return np.array([float(np.mean(loss(x[i : i + 1], p[i : i + 1]))) for i in range(len(x))])

    together, alone, known = loss(x, p), each_alone(p), _quantities(x, p)
    found = min(known, key=lambda quantity: _spread(alone, quantity.values))
    if _spread(alone, found.values) < _STEADY:
        return Reading(alone, together, found, float((alone / found.values).mean()))
    # What is added, the same for any prediction, drops out of the difference between two.
    others = np.roll(p, 1, axis=0)
    right, difference = known[0], alone - each_alone(others)
    wanted = right.values - _quantities(x, others)[0].values
    if _spread(difference, wanted) < _STEADY:
        multiple = float((difference / wanted).mean())
        return Reading(alone, together, right, multiple, alone - multiple * right.values)
    return Reading(alone, together, None, float("nan"))


def _spread(alone, values) -> float:
    """How much the multiple of a quantity differs from image to image, as a share; infinity for what is none."""
    multiples = alone / values
    return float(np.ptp(multiples) / np.abs(multiples).max()) if np.isfinite(multiples).all() else np.inf


def expect_cross_entropy(step, reading, scales, *, squared="squared-error", other="wrong-value") -> None:
    """Inside a step: fail unless what is read is the cross-entropy in nats, whatever its scale.

    squared, other: slugs for a squared error and for a quantity that is not known.
    """
    step.expect(
        np.isfinite(reading.alone).all(),
        expected="finite numbers",
        found="inf or nan",
        look="the logarithms: which of the two arguments stands inside?",
        mistake="not-finite",
    )
    quantity = reading.quantity
    step.expect(
        quantity is not None,
        expected="binary cross-entropy, the same multiple of it for every image",
        found="another quantity",
        look="-x ln p - (1 - x) ln(1 - p) for each value, as keras.losses.binary_crossentropy(x, p) has it",
        mistake=other,
    )
    step.expect(
        not quantity.slug,
        expected="binary cross-entropy: the image first, the prediction second",
        found=quantity.found,
        look=quantity.look,
        mistake={"squared-error": squared, "absolute-error": other}.get(quantity.slug, quantity.slug),
    )
    step.expect(
        reading.added is None,
        expected="the cross-entropy alone",
        found="the cross-entropy, and something added to it that is the same for any prediction",
        look=ADDED,
        mistake="something-added",
    )
    unit, _ = reading.split(scales)
    step.expect(
        unit != "wrong-sign",
        expected="positive numbers",
        found="the right size with the wrong sign",
        look="A loss is minimised. Logarithms of numbers below 1 are negative: the minus in front; Keras's function has it.",
        mistake="wrong-sign",
    )
    step.expect(
        unit != "bits",
        expected="natural logarithms (nats)",
        found="logarithms to the base 2 (bits)",
        look="np.log, not np.log2",
        mistake="bits",
    )


def expect_not_over_images(step, found: float, each: np.ndarray, *, whole: str) -> None:
    """Inside a step: name what becomes of a batch whose images' losses are summed, or divided by their number.

    found: the mean of what is given for the batch. whole: what is expected.
    """
    count = len(each)
    step.expect(
        not np.isclose(found, each.sum(), rtol=0.003),
        expected=whole,
        found="the sum over the images of the batch",
        look="Sum over the pixels' axes only; leave the first axis alone.",
        mistake="summed-over-images",
    )
    step.expect(
        not np.isclose(found * count, each.mean(), rtol=0.003),
        expected=whole,
        found=f"{count} times less for {count} images: divided by their number",
        look="How many images a batch has is no matter of the loss: Keras takes the mean over them itself.",
        mistake="divided-by-batch",
    )


def _quantities(x, p) -> list[Quantity]:
    x, p = x.astype(np.float64), p.astype(np.float64)
    axes = tuple(range(1, x.ndim))
    swapped = [
        measures.bce_per_image(p, x.clip(edge, 1 - edge)) for edge in (1e-7, 2e-7)
    ]  # Keras adds to what it clips
    return [
        Quantity(measures.bce_per_image(x, p)),
        *(
            Quantity(
                values,
                "swapped-arguments",
                "the two in each other's place",
                "the image first, the prediction second: x stands before the logarithm, p inside it",
            )
            for values in swapped
        ),
        Quantity(
            np.square(x - p).sum(axes),
            "squared-error",
            "a squared error",
            "keras.losses.binary_crossentropy, or its formula",
        ),
        Quantity(
            np.abs(x - p).sum(axes),
            "absolute-error",
            "an absolute error",
            "keras.losses.binary_crossentropy, or its formula",
        ),
        Quantity(
            -(x * np.log(p)).sum(axes),
            "half-of-the-formula",
            "only the half with x ln p",
            "black pixels count too: (1 - x) ln(1 - p)",
        ),
        Quantity(
            -((1 - x) * np.log1p(-p)).sum(axes),
            "half-of-the-formula",
            "only the half with (1 - x) ln(1 - p)",
            "ink counts too: x ln p",
        ),
        Quantity((np.log1p(np.exp(p)) - x * p).sum(axes), "from-logits", "predictions taken for logits", _LOGITS),
        Quantity(
            measures.bce_per_image(np.floor(x), p), "greys-cut-off", "the cross-entropy of greys cut to 0 and 1", _GREYS
        ),
    ]
