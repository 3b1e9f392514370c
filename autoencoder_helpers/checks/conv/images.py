"""Images of chapter 2: grids of 28 x 28 grey values with one channel, and the usual ways to miss that."""

from autoencoder_helpers.checks.models import of_one_image

IMAGE = (28, 28, 1)
LOOK_CHANNEL = "Grey is one channel: the last axis has length 1, as in (images, height, width, channels)."


def expect_image_side(step, side, shape):
    """Fail unless one end of a network is an image of 28 x 28 x 1; name the usual ways to miss it."""
    found = of_one_image(shape)
    expected = f"{side} shape {IMAGE} for each image"
    step.expect(
        found != (28, 28),
        expected=expected,
        found="(28, 28), without a channel",
        look=LOOK_CHANNEL,
        mistake="missing-channel",
    )
    step.expect(
        found != (784,),
        expected=expected,
        found="a flat row of 784 numbers",
        look="A convolution must know who is whose neighbour: images stay grids here.",
        mistake="flattened",
    )
    square = isinstance(found, tuple) and len(found) == 3 and found[0] == found[1]
    if side == "output" and square:
        step.expect(
            found[0] != 32,
            expected=expected,
            found="a side of 32: 4, doubled three times",
            look="Found 32, expected 28; inspect the third convolution. Does it lose a border?",
            mistake="no-border-lost",
        )
        step.expect(
            found[0] != 24 and found[0] != 16 and found[0] != 30,
            expected=expected,
            found=f"a side of {found[0]}",
            look="A border is lost at the wrong place. 28 is twice 14, and 14 is 16 without its border.",
            mistake="border-lost-elsewhere",
        )
        step.expect(
            found[0] != 14 and found[0] != 7,
            expected=expected,
            found=f"a side of {found[0]}",
            look="How many doublings are there? The puzzle has three.",
            mistake="missing-upsampling",
        )
        step.expect(
            found[0] != 28 or found[2] == 1,
            expected=expected,
            found=f"{found[2]} channels",
            look="The last convolution paints one grey value for each pixel: how many filters has it?",
            mistake="wrong-channels",
        )
    step.expect(
        found == IMAGE,
        expected=expected,
        found=found,
        look=f"the {'first' if side == 'input' else 'last'} layers, and the side after each: model.summary()",
        mistake=f"wrong-{side}-shape",
    )
