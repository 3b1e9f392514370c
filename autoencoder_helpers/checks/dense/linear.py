"""`dense.linear`, for practice: an autoencoder that bends nothing, which can find no better plane than PCA."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import expect_shapes
from autoencoder_helpers.checks.models import predict, stages
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.reference.widths import measured_widths

_ABOVE = 1.03  # times PCA's error: what few epochs leave; a network that is hardly trained has far more


@rule(
    "dense.linear",
    points=0,
    title="A linear autoencoder finds PCA's plane",
    answers={"linear_encoder": Model(input_shape=(PIXELS,)), "linear_decoder": Model(input_shape=(2,))},
)
def linear(step, linear_encoder, linear_decoder):
    with step("784 numbers become 2, and 2 become 784"):
        expect_shapes(step, linear_encoder, input_shape=(PIXELS,), output_shape=(2,))
        expect_shapes(step, linear_decoder, input_shape=(2,), output_shape=(PIXELS,))
    with step("Nothing bends"):
        for name, part in (("encoder", linear_encoder), ("decoder", linear_decoder)):
            bent = [stage.activation for stage in stages(part) if stage.activation != "linear"]
            step.expect(
                not bent,
                expected="layers without activation",
                found=f"{' and '.join(bent)} in the {name}",
                look="Leave `activation` away, also at the end: no sigmoid, no relu.",
                mistake="bends",
            )
            step.expect(
                all(len(stage.layer.get_weights()) == 2 for stage in stages(part)),
                expected="a bias for each unit: PCA takes the mean image away and puts it back",
                found=f"none in the {name}",
                look="use_bias=False",
                mistake="no-bias",
            )
    with step("Its squared error on test digits is that of PCA with 2 components"):
        images = step.data.unseen_digits.reshape(-1, PIXELS)
        restored = predict(linear_decoder, predict(linear_encoder, images)).astype(float)
        error = float(np.mean((images - restored) ** 2))
        seen = measured_widths()
        best = seen.pca_mse[seen.latent.index(2)]
        expected = f"about {best:.4f} squared grey per pixel"
        step.expect(
            error < 2 * best,
            expected=expected,
            found=f"{error:.4f}: it has hardly been trained",
            look="Was the cell run to its end, with both parts in `linear`?",
            mistake="untrained",
        )
        step.expect(
            error < _ABOVE * best,
            expected=expected,
            found=f"{error:.4f}",
            look="Was it trained on the squared error, and for all its epochs?",
            mistake="not-pcas-plane",
        )
