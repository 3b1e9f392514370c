"""`dense.encoder`: three layers that squeeze 784 pixels into 2 numbers."""

from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import expect_bends, expect_free_code, expect_shapes, expect_widths
from autoencoder_helpers.checks.models import stages
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.encoder",
    points=2,
    title="The encoder squeezes 784 pixels into 2 numbers",
    answers={"encoder": Model(input_shape=(PIXELS,))},
)
def encoder(step, encoder):
    with step("784 numbers go in, 2 come out", points=0.5):
        expect_shapes(step, encoder, input_shape=(PIXELS,), output_shape=(2,))
    with step("The widths go down: 100, 20, 2 (80,562 parameters)", points=0.5, stop=False):
        expect_widths(step, encoder, [100, 20, 2])
        step.expect(
            encoder.count_params() == 80_562,
            expected="80,562 parameters: weights and one bias for each unit",
            found=f"{encoder.count_params():,}",
            look="use_bias, and layers beyond the three",
            mistake="wrong-parameter-count",
        )
    if len(stages(encoder)) < 2:  # nothing is hidden, so there is nothing more to look at
        return
    with step("The hidden layers have an activation", points=0.5, stop=False):
        expect_bends(step, stages(encoder)[:-1])
    with step("The bottleneck is linear: a code may be any number", points=0.5, stop=False):
        expect_free_code(step, encoder, (PIXELS,))
