"""`cells.encoder`: a cloud over two latent numbers for each cell, whose KL is counted once in what is minimised."""

import numpy as np
from autoencoder_helpers.checks.answers import Model, as_array
from autoencoder_helpers.checks.cells.sizes import GENES, IN_PLACE, LATENT
from autoencoder_helpers.checks.clouds import cloud_of, clouds_of
from autoencoder_helpers.checks.counted_kl import FAINT, counted_kl, told_kl
from autoencoder_helpers.checks.expectations import expect_layers
from autoencoder_helpers.checks.free_means import expect_free_means
from autoencoder_helpers.checks.models import added_to_loss, of_one_image
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.measures import gaussian_kl

_CELLS = 400
_ELSEWHERE = (3, "three times the values"), (0.05, "a twentieth of the values")


@rule(
    "cells.encoder",
    points=1,
    title="The encoder answers each cell with a cloud over two latent numbers, whose KL counts once",
    answers={"encoder": Model(input_shape=(GENES,), words=IN_PLACE)},
)
def encoder(step, encoder):
    # As expression is: a third of the values above 0, the largest about 6.
    x = step.rng.gamma(1.5, 1.0, (_CELLS, GENES)) * (step.rng.random((_CELLS, GENES)) < 0.33)
    x = x.astype(np.float32)
    with step("765 numbers go in, a distribution over two comes out"):
        found = of_one_image(encoder.input_shape)
        step.expect(
            found == (GENES,),
            expected=f"input shape ({GENES},) for each cell",
            found=found,
            look="the input layer: one number for each gene",
            mistake="wrong-input-shape",
        )
        expect_layers(step, encoder)
        cloud = cloud_of(encoder, x, "cell")
        step.expect(
            tuple(as_array(cloud.mean()).shape) == (_CELLS, LATENT),
            expected="two latent numbers for each cell",
            found=f"{int(np.prod(as_array(cloud.mean()).shape[1:]))}",
            look="latent_dim = 2, in the Dense layer and in the distribution layer",
            mistake="wrong-latent-dim",
        )
        mean, _ = clouds_of(encoder, x, "cell")
    with step("It is a cloud of its own for each cell, with means that may be any number", points=0.5, stop=False):
        expect_free_means(step, encoder, x[:16], "cell")
        step.expect(
            float(np.ptp(mean, axis=0).max()) > 1e-6,
            expected="another cloud for another cell",
            found=f"the same cloud for {_CELLS} cells",
            look="Is the input connected to the layers before the distribution?",
            mistake="ignores-cell",
        )
    with step("The KL that it adds to the loss counts once", points=0.5, stop=False):
        _expect_kl_once(step, _as_trained(encoder), encoder, x)


def _as_trained(encoder):
    """The encoder inside a network, as training has it: what it adds to the loss is counted there."""
    import tf_keras as keras

    cell = keras.Input((GENES,))
    return keras.Model(cell, keras.layers.Dense(1)(encoder(cell)))


def _expect_kl_once(step, network, encoder, x):
    added = added_to_loss(network, x)
    step.expect(
        added != 0,
        expected="a KL in the network's losses",
        found="nothing: this would be trained as an ordinary autoencoder",
        look="activity_regularizer=tfpl.KLDivergenceRegularizer(prior, ...) in the distribution layer, and its weight",
        mistake="kl-missing",
    )
    with told_kl(network, encoder, x, step.rng, "cell") as found:
        ratio, error = found
        # Clouds that lie further apart, and such as are all near to one place: there another prior has another KL.
        elsewhere = [(words, *counted_kl(network, encoder, factor * x, "cell", len(x))) for factor, words in _ELSEWHERE
                     if gaussian_kl(*clouds_of(encoder, factor * x, "cell")).mean() > FAINT]  # fmt: skip
    step.expect(
        not ratio < 0,
        expected="a positive weight of the KL",
        found=f"{added:.3g} is added to the loss",
        look="the sign of the weight",
        mistake="kl-wrong-sign",
    )
    expected, found = "1 x the exact KL", f"{ratio:.3g} x the exact KL"
    once = abs(ratio - 1) < 0.05 + 4 * error
    for words, there, error_there in elsewhere:
        step.expect(
            not once or abs(there - 1) < 0.05 + 4 * error_there,
            expected=expected,
            found=f"{ratio:.3g} x for these cells, {there:.3g} x for cells with {words}",
            look="What is added does not grow like the KL towards your prior. Which prior did the regularizer get?",
            mistake="other-prior",
        )
    if once:
        return
    step.expect(
        abs(ratio - 2) > 0.1 + 8 * error,
        expected=expected,
        found=found,
        look="A regularizer of a distribution layer is added twice (chapter 3, part 7): which weight counts it once?",
        mistake="kl-twice",
    )
    step.expect(
        abs(ratio / len(x) - 1) > 0.1 and abs(ratio / len(x) - 2) > 0.2,
        expected=expected,
        found=f"{found}: summed over {len(x)} cells",
        look="The loss is a mean over cells; so is the KL to be.",
        mistake="kl-summed-over-cells",
    )
    step.fail(
        expected=expected,
        found=found,
        look="weight x the number of entries in encoder.losses must be 1, and the prior is two independent standard normals",
        mistake="wrong-kl-weight",
    )
