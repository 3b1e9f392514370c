"""`conv.decoder`: the puzzle of pieces that turn 2 numbers into an image."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.conv.images import expect_image_side
from autoencoder_helpers.checks.conv.tables import expect_count, expect_table, grids, side_text
from autoencoder_helpers.checks.expectations import (
    expect_bends,
    expect_greys,
    expect_layers,
    expect_shapes,
    expect_uses_code,
)
from autoencoder_helpers.checks.models import all_layers, of_one_image, stages
from autoencoder_helpers.checks.rule import rule

# The other ways to lay 128 values out as a grid.
_OTHER_GRIDS = {(a, b, 128 // a // b) for a in (1, 2, 4, 8, 16) for b in (1, 2, 4, 8, 16) if a * b <= 128} - {(4, 4, 8)}

# What makes 28 of 32 without a piece of the puzzle.
_CUTTING = {"Cropping2D", "CenterCrop", "RandomCrop", "Resizing", "SlicingOpLambda"}


@rule(
    "conv.decoder",
    points=2,
    title="The decoder turns 2 numbers into an image of 28 x 28 grey values",
    answers={"decoder": Model(input_shape=(2,))},
)
def decoder(step, decoder):
    with step("2 numbers go in, an image of 28 x 28 x 1 comes out", points=0.5, stop=False):
        expect_shapes(step, decoder, input_shape=(2,), output_shape=of_one_image(decoder.output_shape))
        expect_layers(step, decoder)
        _expect_grid(step, decoder)
        expect_image_side(step, "output", decoder.output_shape)
    if step.mistake == "wrong-input-shape":
        return
    if not step.mistake:  # a wrong size comes from a wrong piece: the same news
        with step("Its layers are the pieces of the puzzle (2,865 parameters)", points=0.5, stop=False):
            expect_table(step, decoder, convolutions=[8, 8, 16, 1], units=[128])
            # Before the last doubling it may be the border that piece F loses, laid out by hand: the same sums.
            kinds = [type(layer).__name__ for layer in all_layers(decoder)]
            doubled = max((place for place, kind in enumerate(kinds) if kind == "UpSampling2D"), default=0)
            cutting = [kind for kind in kinds[doubled:] if kind in _CUTTING]
            step.expect(
                not cutting,
                expected="the pieces alone: one of them loses the four pixels by itself",
                found=f"{cutting[0] if cutting else ''}, which is none of the pieces",
                look="B or F? Only one of the two loses a border.",
                mistake="cropped",
            )
            _expect_way_up(step, decoder)
            expect_count(step, decoder, 2_865)
    if not any(stage.kind != "Dense" for stage in stages(decoder)):  # another network altogether
        return
    with step("The hidden layers have an activation", points=0.25, stop=False):
        expect_bends(step, stages(decoder)[:-1])
    with step("Every output is a grey value between 0 and 1", points=0.5, stop=False):
        expect_greys(step, decoder, step.rng.normal(0, 20, (256, 2)).astype(np.float32))
    with step("Other codes give other images", points=0.25, stop=False):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (64, 2)).astype(np.float32))


def _expect_way_up(step, decoder):
    """Fail unless the third convolution makes 14 of 16, and the others stand where doublings alone lead to.

    A doubling may stand before a convolution or behind it, so there is more than one side for most.
    """
    look = "Doublings alone make 4, 8, 16; the third convolution makes 14 of 16, and the last doubling makes 28 of 14."
    found = grids(decoder)
    for number, (grid, sides) in enumerate(zip(found, ((4, 8, 16), (4, 8, 16), (14,), (14, 28)), strict=True), start=1):
        if not grid.given or not grid.taken:
            continue
        takes, gives = side_text(grid.taken), side_text(grid.given)
        fits = {(side, side) for side in sides}
        if number == 3:
            # By itself, or as a frame of zeros laid and a border cut by layers of their own: the same sums.
            right = (16, 16) in (grid.taken, grid.given) and not fits.isdisjoint((grid.given, grid.cut))
            expected = "convolution 3 makes a side of 14 of 16: there the border is lost"
        else:
            right = grid.given in fits
            expected = f"a side of {' or '.join(map(str, sides))} after convolution {number}"
        step.expect(
            right,
            expected=expected,
            found=f"it makes {gives} of {takes}",
            look=look,
            mistake="wrong-side",
        )
        step.expect(
            type(grid.layer).__name__ != "Conv2D" or max(grid.layer.strides) == 1,
            expected=f"convolution {number} looks at each place",
            found=f"strides {tuple(grid.layer.strides)}: it makes {gives} of {takes}",
            look="The pieces of the puzzle have no strides.",
            mistake="wrong-side",
        )


def _expect_grid(step, decoder):
    """Fail if a Reshape makes another grid than 4 x 4 x 8: every side after it is then wrong too."""
    for layer in all_layers(decoder):
        grid = getattr(layer, "target_shape", None)
        step.expect(
            grid is None or tuple(grid) not in _OTHER_GRIDS,
            expected="a first grid of 4 x 4 with 8 channels",
            found=f"Reshape to {grid}",
            look="Height and width come first, channels last; the way down ended with 4 x 4 x 8.",
            mistake="wrong-reshape",
        )
