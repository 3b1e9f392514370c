"""`conv.dealt_pixels`, for practice: pixels in another order, which a dense network does not notice and a convolution does."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Array, Function, Model, as_array, call
from autoencoder_helpers.checks.conv.images import IMAGE
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.models import all_layers, predict
from autoencoder_helpers.checks.rule import rule

_SIDE = 6  # of the images that deal_out is asked with
_PIXELS = 28 * 28
_IMAGES = 1000
_DENSE = 0.245  # nats per pixel: right ones 0.20 to 0.21, the mean image 0.254
_CONVOLUTIONAL = 0.375  # right ones 0.26 to 0.34, the same grey for all pixels 0.388
_UNTRAINED = 0.03  # around ln 2


@rule(
    "conv.dealt_pixels",
    points=0,
    title="Pixels are dealt out, and both networks have learned such images",
    answers={
        "deal_out": Function(),
        "permutation": Array(shape=(_PIXELS,)),
        "dealt_dense": Model(input_shape=(_PIXELS,)),
        "dealt_conv": Model(input_shape=IMAGE),
    },
)
def dealt_pixels(step, deal_out, permutation, dealt_dense, dealt_conv):
    images = step.rng.random((5, _SIDE, _SIDE, 1)).astype(np.float32)
    order = _order(step.rng)
    with step("The images keep their shape"):
        changed = set()
        found = call(deal_out, images, order, name="deal_out", changed=changed)
        step.expect(
            found.shape == images.shape,
            expected=f"images of shape {images.shape}, as they came in",
            found=f"shape {found.shape}",
            look="Flatten each image, deal out, and reshape to images.shape.",
            mistake="wrong-shape",
        )
        expect_unchanged(
            step,
            changed,
            "images",
            "permutation",
            look="Make a new array: flat[:, permutation]. The drawn images are still needed.",
        )
    with step("Pixel i of each image is pixel permutation[i] of the old one"):
        expect_no_known_mistake(
            step,
            (
                (images, "not-dealt-out", "every pixel where it was", "flat[:, permutation]"),
                (_dealt(images, np.argsort(order)), "backwards", "pixel i in the place permutation[i]: the way back",
                 "new[:, i] = old[:, permutation[i]], which is old[:, permutation]"),
            ),
            lambda values: np.allclose(found, values),
            is_right=np.allclose(found, _dealt(images, order)),
            expected="the same pixels in the order of `permutation`",
        )  # fmt: skip
        step.expect(
            np.allclose(np.sort(found.ravel()), np.sort(images.ravel())),
            expected="the same grey values in other places",
            found="other values",
            look="Nothing is computed: pixels only change their places.",
            mistake="other-values",
        )
        step.expect(
            np.allclose(found, _dealt(images, order)),
            expected="the same order for all images: that of `permutation`",
            found="pixels in other places",
            look="The second axis of the flat images is that of the pixels: flat[:, permutation].",
            mistake="wrong-places",
        )
    drawn = step.data.unseen_digits[:_IMAGES].reshape(-1, _PIXELS).astype(np.float32)
    with step("The dense network restores digits that it has not seen, dealt out"):
        places = _places(step, permutation)
        _expect_learned(
            step, dealt_dense, "dealt_dense", drawn, places, (_PIXELS,), _DENSE, "the mean image costs 0.254"
        )
    with step("The convolutional network does what it can: better than one grey for all pixels"):
        step.expect(
            any("Conv" in type(layer).__name__ for layer in all_layers(dealt_conv)),
            expected="a network of convolutions",
            found="none in it",
            look="fresh(encoder, decoder), the networks of sections 4 and 5",
            mistake="no-convolution",
        )
        _expect_learned(step, dealt_conv, "dealt_conv", drawn, places, IMAGE, _CONVOLUTIONAL, "one grey costs 0.388")


def _order(rng):
    """A permutation that differs from its own way back, and from none at all."""
    while True:
        order = rng.permutation(_SIDE**2)
        if (order != np.argsort(order)).any():
            return order


def _dealt(images, order):
    return images.reshape(len(images), -1)[:, order].reshape(images.shape)


def _places(step, permutation):
    step.expect(
        np.array_equal(np.sort(permutation), np.arange(_PIXELS)),
        expected="each of the pixels 0 to 783 once in `permutation`",
        found="some twice, or none",
        look="permutation = np.random.default_rng(321).permutation(784), in section 1",
        mistake="no-permutation",
    )
    return permutation.astype(int)


def _expect_learned(step, network, name, drawn, places, shape, limit, beside):
    """Inside a step: fail unless the network restores dealt-out digits for at most `limit` nats per pixel."""
    dealt = drawn[:, places]

    def answers(images):
        given = as_array(predict(network, images.reshape(-1, *shape)), f"what `{name}` gives")
        step.expect(
            given.shape == (len(images), *shape),
            expected=f"an image of shape {shape} for each image",
            found=f"shape {given.shape[1:]}",
            look="the last layer of the decoder",
            mistake="wrong-output-shape",
        )
        return np.nan_to_num(given.reshape(len(images), _PIXELS), nan=0.5).clip(0, 1)

    def loss(images, copies):
        return float(measures.bce_per_image(images, copies).mean() / _PIXELS)

    copies = answers(dealt)
    nats = loss(dealt, copies)
    expected = f"at most {limit} nats per pixel on dealt-out digits; {beside}"
    if nats <= limit:
        return
    step.expect(
        loss(drawn, answers(drawn)) > min(nats, limit),
        expected=expected,
        found=f"{nats:.3f}, and less for digits as they are drawn: it was trained on these",
        look=f"train({name}, ...) takes what deal_out returns.",
        mistake="trained-as-drawn",
    )
    step.expect(
        loss(drawn, copies) > min(nats, limit),
        expected=expected,
        found=f"{nats:.3f}: it paints the digits as they were drawn",
        look="The target is the dealt-out image, as the input is.",
        mistake="drawn-target",
    )
    step.expect(
        abs(nats - np.log(2)) > _UNTRAINED,
        expected=expected,
        found=f"{nats:.3f}, close to ln 2: that of a network that was not trained",
        look=f"train({name}, ...): was it run after the network was built?",
        mistake="untrained",
    )
    step.expect(
        False,
        expected=expected,
        found=f"{nats:.3f}",
        look="Was it trained on 10,000 dealt-out digits for 3 epochs, from fresh weights?",
        mistake="trained-too-little",
    )
