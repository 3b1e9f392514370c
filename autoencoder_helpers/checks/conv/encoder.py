"""`conv.encoder`: three convolutions that turn an image into 2 numbers."""

from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.conv.images import IMAGE, expect_image_side
from autoencoder_helpers.checks.conv.tables import cutting_layers, expect_count, expect_table, grids, side_text
from autoencoder_helpers.checks.expectations import expect_bends, expect_free_code, expect_layers
from autoencoder_helpers.checks.models import of_one_image, stages
from autoencoder_helpers.checks.rule import rule


@rule(
    "conv.encoder",
    points=1,
    title="The encoder turns an image into 2 numbers by three convolutions",
    answers={"encoder": Model(input_shape=IMAGE)},
)
def encoder(step, encoder):
    with step("An image of 28 x 28 x 1 goes in, 2 numbers come out", points=0.25):
        expect_image_side(step, "input", encoder.input_shape)
        expect_layers(step, encoder)
        output = encoder.output_shape
        step.expect(
            not isinstance(output, tuple) or len(output) != 4,
            expected="a row of 2 numbers for each image",
            found=f"a grid, {of_one_image(output)}",
            look="Flatten the grid before the last Dense layer.",
            mistake="missing-flatten",
        )
        step.expect(
            of_one_image(output) == (2,),
            expected="2 numbers for each image, shape (2,)",
            found=of_one_image(output),
            look="The code is what the last Dense layer gives out: how wide is it?",
            mistake="no-bottleneck",
        )
    with step(
        "Its layers are those of the table: 16, 8, 8 filters, then 2 units (2,162 parameters)",
        points=0.25,
        stop=False,
    ):
        expect_table(step, encoder, convolutions=[16, 8, 8], units=[2])
        _expect_flat_grid(step, encoder)
        _expect_way_down(step, encoder)
        expect_count(step, encoder, 2_162)
    if step.mistake == "no-convolution":  # another network altogether
        return
    with step("The convolutions have an activation", points=0.25, stop=False):
        expect_bends(step, stages(encoder)[:-1])
    with step("The bottleneck is linear: a code may be any number", points=0.25, stop=False):
        expect_free_code(step, encoder, IMAGE)


def _expect_way_down(step, encoder):
    """Fail unless each convolution looks at the grid that the table has for it, and nothing but halves lies between."""
    for number, (grid, side) in enumerate(zip(grids(encoder), (28, 14, 7), strict=True), start=1):
        wanted = tuple(-(-side // stride) for stride in grid.layer.strides)
        step.expect(
            not grid.given or wanted in (grid.given, grid.cut),
            expected=f"a side of {side_text(wanted)} after convolution {number}, as in the table",
            found=f"{side_text(grid.given or wanted)}",
            look="28 -> 14 -> 7 -> 4: a convolution keeps the side, and behind each stands one pooling that halves it.",
            mistake="wrong-side",
        )
    cutting = cutting_layers(encoder)
    step.expect(
        not cutting,
        expected="sides halved by pooling, to which each pixel counts",
        found="".join(cutting[:1]),
        look="Which layer of the table stands there?",
        mistake="cropped",
    )


def _expect_flat_grid(step, encoder):
    """Fail unless 128 values reach the last layer: then sides and paddings are right."""
    dense = [stage.layer for stage in stages(encoder) if stage.kind == "Dense"]
    values = int(dense[-1].kernel.shape[0])
    step.expect(
        values != 72,
        expected="128 values (4 x 4 x 8) after Flatten",
        found="72 (3 x 3 x 8)",
        look="Pooling rounded 7 / 2 down. It too has a padding.",
        mistake="pooling-valid",
    )
    step.expect(
        values not in (392, 1_568, 6_272),
        expected="128 values (4 x 4 x 8) after Flatten",
        found=f"{values:,}",
        look="The side is halved after each of the three convolutions; is a pooling missing?",
        mistake="missing-pooling",
    )
    step.expect(
        values == 128,
        expected="128 values (4 x 4 x 8) after Flatten",
        found=f"{values:,}",
        look="the paddings, and what stands before the last layer: encoder.summary()",
        mistake="wrong-grid",
    )
