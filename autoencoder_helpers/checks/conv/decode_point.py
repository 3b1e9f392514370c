"""`conv.decode_point`: the image at a point of the latent plane, and how far the nearest code is."""

import contextlib

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, Number, as_array
from autoencoder_helpers.checks.conv.images import IMAGE
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.handed import changed_ones, copies_of
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.raised import texts_of
from autoencoder_helpers.checks.rule import describe, rule
from autoencoder_helpers.evidence.values import Recorder

_NEAR = 1e-3  # of two greys that are one: half precision


@rule(
    "conv.decode_point",
    points=2,
    title="decode_point returns the image at a point and the distance to the nearest code",
    answers={"decode_point": Function()},
)
def decode_point(step, decode_point):
    decoder, other_decoder = _small_decoder(step.rng), _small_decoder(step.rng)
    point, codes = _point_and_codes(step.rng)
    asked = _Asked(decode_point, point, codes)
    with step("It returns an image and a distance"):
        image, distance = _pair(step, asked.of(step, decoder))
    with step("The image is what the decoder paints at the point", points=1, stop=False):
        wanted = predict(decoder, np.array([point], np.float32))[0, ..., 0]
        _expect_decoded(step, image, wanted, decoder, point)
        repeated, _ = _pair(step, asked.of(step, other_decoder))
        step.expect(
            not np.allclose(_plain(repeated), wanted, atol=_NEAR),
            expected="another image from another decoder",
            found="the same image",
            look="Use the decoder that the function is handed.",
            mistake="other-decoder",
        )
    with step("The distance is the Euclidean distance to the nearest code", points=1):
        step.expect(
            not asked.changed,
            expected="the codes that were handed in stay as they are",
            found="they were changed: the next point would be compared with other codes",
            look="Make a new array, codes - point, in place of codes -= point.",
            mistake="changes-its-input",
        )
        _expect_distance(step, distance, np.array(point), codes.astype(float))


def _point_and_codes(rng):
    """A point and 300 codes of which the nearest lies slantwise, so that no other kind of distance is as long."""
    while True:
        codes = rng.normal(1, 3, (300, 2)).astype(np.float32)
        point = rng.uniform(4, 9, 2) * (1, -1)
        away = np.abs(codes - point)
        wanted = np.sqrt((away**2).sum(1)).min()
        if away.max(1).min() < 0.97 * wanted and away.sum(1).min() > 1.03 * wanted:
            return tuple(float(z) for z in point), codes


def _small_decoder(rng):
    """A fresh decoder, (2,) -> (28, 28, 1), that a function cannot know.

    Its images have greys from about 0.1 to 0.9 at all points of _point_and_codes: with black and white in them, nobody
    could see whether they were stretched. In single precision whatever the notebook computes in: in half precision,
    a graph rounds in other places than a call, and its images are not as near.
    """
    import tf_keras as keras

    model = keras.Sequential(
        [
            keras.layers.Input((2,), dtype="float32"),
            keras.layers.Dense(784, activation="sigmoid", dtype="float32"),
            keras.layers.Reshape(IMAGE, dtype="float32"),
        ]
    )
    model.set_weights([rng.uniform(-0.12, 0.12, (2, 784)), rng.uniform(-0.2, 0.2, 784)])
    return model


class _Asked:
    """A learner's function and what it is asked about. changed: whether it has changed the codes in a call."""

    def __init__(self, function, point, codes):
        self._function, self._point, self._codes = function, point, codes
        self.changed = False

    def of(self, step, decoder):
        """What the function returns for this decoder; if it fails, fail with the reason if that is a known one."""
        try:
            return self._call(self._point, decoder)
        except Exception as error:
            recorder = Recorder(IMAGE)
            with contextlib.suppress(Exception):  # what counts is what it asked of the decoder before
                self._call(self._point, recorder)
            step.expect(
                recorder.shape not in ((2,), (2, 1)),
                expected="a batch of one point, shape (1, 2), for the decoder",
                found=f"shape {recorder.shape}",
                look="A decoder takes a batch; make one row.",
                mistake="no-batch-axis",
            )
            step.expect(
                not self._takes_an_array(decoder),
                expected="a point that is a pair of numbers, such as (10, 10)",
                found=f"{texts_of(error)['found']}; with an array in its place it runs",
                look="A pair is no array, and has no axes to add: np.array([point]) makes a batch of one row of it.",
                mistake="point-as-array",
            )
            raise

    def _call(self, point, decoder):
        handed = copies_of((point, decoder, self._codes))
        found = self._function(*handed)
        self.changed |= 2 in changed_ones(self._function, handed, (point, decoder, self._codes))
        return found

    def _takes_an_array(self, decoder) -> bool:
        """Whether it runs if the point is an array."""
        try:
            _, _ = self._call(np.array(self._point), decoder)
        except Exception:  # noqa: BLE001 - then it has another reason to fail
            return False
        return True


def _pair(step, found):
    step.expect(
        found is not None,
        expected="an image and a distance",
        found="None",
        look="the return at the end of the function",
        mistake="no-return",
    )
    step.expect(
        isinstance(found, (tuple, list)) and len(found) == 2,
        expected="two things: return image, distance",
        found=describe(found),
        look="the return: both, with a comma between them",
        mistake="not-a-pair",
    )
    first, second = (as_array(part, name) for part, name in zip(found, ("the image", "the distance"), strict=True))
    step.expect(
        not (first.size == 1 and second.size == 784),
        expected="the image first, then the distance",
        found="the two in each other's place",
        look="the order in the return",
        mistake="swapped-results",
    )
    return first, second


def _plain(image):
    """(28, 28) of an image that may still carry its channel."""
    return image[..., 0] if image.shape == IMAGE else image


def _expect_decoded(step, image, wanted, decoder, point):
    step.expect(
        image.ndim != 4,
        expected="one image, shape (28, 28)",
        found=f"shape {image.shape}: still a batch",
        look="Take the one image out of the batch, and its one channel: [0, ..., 0]",
        mistake="still-a-batch",
    )
    image = _plain(image)
    step.expect(
        image.shape == (28, 28),
        expected="one image, shape (28, 28)",
        found=f"shape {image.shape}",
        look="what the decoder returns is (1, 28, 28, 1)",
        mistake="wrong-image-shape",
    )
    swapped = predict(decoder, np.array([point[::-1]], np.float32))[0, ..., 0]
    step.expect(
        not np.allclose(image, swapped, atol=_NEAR),
        expected="the image at (z1, z2)",
        found="the image at (z2, z1)",
        look="the order of the two numbers",
        mistake="swapped-coordinates",
    )
    for other, what, look, mistake in (
        (
            wanted.T,
            "the image with rows and columns exchanged",
            "No axis is to be exchanged: [0, ..., 0]",
            "transposed",
        ),
        (
            wanted[::-1],
            "the image upside down",
            "No axis is to be turned round: [0, ..., 0]",
            "mirrored",
        ),
        (
            wanted[:, ::-1],
            "the image with left and right exchanged",
            "No axis is to be turned round: [0, ..., 0]",
            "mirrored",
        ),
        (
            np.round(wanted),
            "the image in black and white",
            "Leave the grey values as they are: no threshold.",
            "no-greys",
        ),
        (1 - wanted, "the image with black and white exchanged", "Leave the grey values as they are.", "inverted"),
        (255 * wanted, "grey values up to 255", "Leave the grey values as they are, from 0 to 1.", "rescaled"),
        (
            wanted / wanted.max(),
            "grey values divided by the largest one",
            "Leave the grey values as they are: a pale image is one of which the network is not sure.",
            "stretched",
        ),
        (
            (wanted - wanted.min()) / np.ptp(wanted),
            "grey values stretched to the range from 0 to 1",
            "Leave the grey values as they are: a pale image is one of which the network is not sure.",
            "stretched",
        ),
    ):
        step.expect(
            not np.allclose(image, other, atol=_NEAR),
            expected="what the given decoder paints at the given point, as it is",
            found=what,
            look=look,
            mistake=mistake,
        )
    step.expect(
        np.allclose(image, wanted, atol=_NEAR),
        expected="what the given decoder paints at the given point",
        found="another image",
        look="Use the decoder and the point that the function is handed; leave the grey values as they are.",
        mistake="wrong-image",
    )


def _expect_distance(step, distance, point, codes):
    wanted = float(measures.nearest_distance(point[None], codes)[0])
    expected = f"{wanted:.3f}, the smallest of {len(codes)} distances"
    step.expect(
        distance.size != len(codes),
        expected=expected,
        found=f"all {len(codes)} distances",
        look="Only the nearest one is asked for.",
        mistake="not-reduced",
    )
    step.expect(
        distance.size == 1,
        expected="one number",
        found=f"{distance.size} numbers of shape {distance.shape}",
        look="the axis of the norm: the two coordinates of a code belong together",
        mistake="not-a-number",
    )
    value = Number().read(distance, "the distance")
    expect_no_known_mistake(
        step,
        _known_distances(point, codes, wanted),
        lambda other: np.isclose(value, other, rtol=1e-4),
        is_right=np.isclose(value, wanted, rtol=1e-3, atol=1e-4),
        expected=expected,
        before=f"{value:.4g}: ",
    )
    step.expect(
        np.isclose(value, wanted, rtol=1e-3, atol=1e-4),
        expected=expected,
        found=f"{value:.4g}",
        look="Use the codes and the point that are handed in: root of the summed squares, then the smallest.",
        mistake="wrong-distance",
    )


def _known_distances(point, codes, wanted):
    """What the usual mistakes take for the distance to the nearest code, as `known` of expect_no_known_mistake."""
    away = codes - point
    lengths = np.sqrt((away**2).sum(1))
    to_the_mean = np.sqrt(((point - codes.mean(0)) ** 2).sum())
    swapped = np.sqrt(((point[::-1] - codes) ** 2).sum(1)).min()
    return (
        (wanted**2, "squared-distance", "the square of it", "A distance is a length: is a root missing?"),
        (to_the_mean, "distance-to-mean", "the distance to the mean code",
         "The mean may lie in a hole: first all distances, then the smallest."),
        (lengths.mean(), "mean-distance", "the mean distance", "Which code counts: all of them, or the nearest?"),
        (np.median(lengths), "mean-distance", "the median distance",
         "Which code counts: the middle one, or the nearest?"),
        (lengths.max(), "farthest", "the distance to the farthest code", "The nearest one is asked for: min, not max."),
        (np.abs(away).sum(1).min(), "city-block", "a sum of absolute differences",
         "Euclidean: the root of the sum of squares"),
        (np.abs(away).max(1).min(), "not-euclidean", "a largest absolute difference",
         "Euclidean: the root of the sum of squares"),
        (np.abs(away).min(), "wrong-axis", "the smallest difference in one coordinate",
         "The two coordinates of a code belong together: the axis of the norm."),
        (np.sqrt((away**2).sum()), "no-axis", "one length of all differences together",
         "One distance for each code: give the norm an axis."),
        (lengths.argmin(), "index", "the number of the nearest code", "argmin says which; min says how far."),
        (swapped, "swapped-coordinates", "the distance from (z2, z1)", "the order of the two numbers"),
    )  # fmt: skip
