"""`conv.strided`, for practice: an encoder that halves the side by strides, with as many parameters as by pooling."""

from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.conv.images import IMAGE
from autoencoder_helpers.checks.expectations import expect_shapes
from autoencoder_helpers.checks.models import all_layers, output_shape_in
from autoencoder_helpers.checks.rule import rule

_PARAMETERS = 2_162


@rule(
    "conv.strided",
    points=0,
    title="Strides halve the side where pooling did",
    answers={"strided_encoder": Model(input_shape=IMAGE)},
)
def strided(step, strided_encoder):
    with step("An image becomes 2 numbers"):
        expect_shapes(step, strided_encoder, input_shape=IMAGE, output_shape=(2,))
    layers = all_layers(strided_encoder)
    convolutions = [layer for layer in layers if type(layer).__name__ == "Conv2D"]
    with step("Three convolutions with stride 2, and no pooling"):
        pooling = [layer for layer in layers if "Pool" in type(layer).__name__]
        step.expect(
            not pooling,
            expected="no layer that pools",
            found=f"{len(pooling)} of them",
            look="Take the pooling away: the stride does its work.",
            mistake="pooling-left",
        )
        step.expect(
            len(convolutions) == 3,
            expected="three convolutions",
            found=f"{len(convolutions)}",
            look="as in section 4: 16, 8 and 8 filters",
            mistake="wrong-number-of-convolutions",
        )
        step.expect(
            all(tuple(layer.strides) == (2, 2) for layer in convolutions),
            expected="strides=2 in each",
            found=f"strides {', '.join(str(tuple(layer.strides)) for layer in convolutions)}",
            look="keras.layers.Conv2D(..., strides=2, padding=...)",
            mistake="no-stride",
        )
    with step("Sides 14, 7, 4, and 2,162 parameters as before"):
        sides = [output_shape_in(strided_encoder, layer)[1] for layer in convolutions]
        step.expect(
            sides == [14, 7, 4],
            expected="sides 14, 7 and 4 after the convolutions",
            found=", ".join(map(str, sides)),
            look='padding="same" rounds up: 28, 14, 7, 4.',
            mistake="wrong-side",
        )
        step.expect(
            strided_encoder.count_params() == _PARAMETERS,
            expected=f"{_PARAMETERS:,} parameters",
            found=f"{strided_encoder.count_params():,}",
            look="16, 8 and 8 filters of 3 x 3, then Flatten and 2 linear units",
            mistake="wrong-parameter-count",
        )
