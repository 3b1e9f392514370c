"""`cells.trained`: what the training made of the network."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.cells.sizes import GENES, IN_PLACE, LATENT, UNIT
from autoencoder_helpers.checks.clouds import clouds_of
from autoencoder_helpers.checks.expectations import (
    expect_finite,
    expect_other_images,
    expect_shapes,
    expect_training,
    in_steps_of,
)
from autoencoder_helpers.checks.models import holds, predict
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.reference.values import threshold

_COLLAPSED, _FREE = 0.5, 25.0  # nats: see [checks."cells.trained"] for what right and wrong networks have
_LIKE_UNIFORM = 0.1  # as a share: a loss nearer to that of equal shares for all genes tells of no training
_SAME = 0.02  # of ln shares, between cells: a decoder that ignores its code
_LEAST = 1e-12  # of a mean: what a share of 0 is taken for
_BUILT_OF = ("cells.counts", "cells.poisson_loss", "cells.encoder", "cells.decoder")


@rule(
    "cells.trained",
    points=2,
    title="The trained network explains cells that it has not seen, and its clouds tell cells apart",
    answers={
        "vae": Model(input_shape=(GENES,), words=IN_PLACE),
        "encoder": Model(input_shape=(GENES,), words=IN_PLACE),
        "decoder": Model(input_shape=(LATENT,)),
    },
)
def trained(step, vae, encoder, decoder):
    with step("2 numbers become the shares of 765 genes, and the VAE is made of these two parts"):
        expect_shapes(step, decoder, input_shape=(LATENT,), output_shape=(GENES,), each="cell")
        for name, part in (("encoder", encoder), ("decoder", decoder)):
            step.expect(
                holds(vae, part),
                expected=f"the VAE contains your {name} itself",
                found=f"another {name}: training the VAE would not change yours",
                look=f"Run the cell that builds the VAE after the one that makes `{name}`.",
                mistake="not-joined",
            )
    x, counts = step.data.unseen_cells
    with step("Each cell has a cloud of its own, and the decoder uses it", points=1):
        mean, stddev = clouds_of(encoder, x, "cell")
        K = float(measures.gaussian_kl(mean, stddev).mean())
        R, shares = _reconstructed(step, decoder, counts, mean, stddev)
        # Fresh weights are known by the composition that they state, whatever its sum: it is the same for all genes.
        composition = shares / np.maximum(shares.sum(axis=1, keepdims=True), _LEAST)
        stated = float(measures.poisson_per_cell(counts, _means(counts, composition)).mean())
        logarithms = np.log(np.maximum(shares, _LEAST) * GENES)
        found = f"R {in_steps_of(10, R):,.0f}, K {K:.1f} {UNIT} on cells that it has not seen"
        uniform = float(measures.poisson_per_cell(counts, np.tile(counts.mean(axis=1, keepdims=True), GENES)).mean())
        expect_training(
            step,
            vae,
            abs(stated / uniform - 1) > _LIKE_UNIFORM,
            expected="a trained network: R well below that of equal shares for all genes",
            found=f"{found}; as compositions {in_steps_of(10, stated):,.0f}, where fresh weights begin",
        )

        def forgiven():
            # What a wrong loss, encoder or decoder makes of a training has cost its points.
            return step.excused(*_BUILT_OF)

        step.expect(
            K > _COLLAPSED or forgiven(),
            expected="clouds that differ from cell to cell: K clearly above 0",
            found=found,
            look="All cells share one cloud; compare the scales of the two terms: both in nats per cell?",
            mistake="collapsed",
        )
        step.expect(
            float(logarithms.std(axis=0).max()) > _SAME or forgiven(),
            expected="other shares for another z",
            found=f"{found}, and the same shares for every cell",
            look="the first layers of the decoder: does z reach the genes?",
            mistake="ignores-code",
        )
        step.expect(
            K < _FREE or forgiven(),
            expected="clouds near the prior: K of a few nats",
            found=found,
            look="The KL hardly counted in this training: its weight, and whether vae.losses holds it at all.",
            mistake="kl-not-trained",
        )
        expect_squeezed(step, vae, GENES, LATENT, "cells.encoder", "cells.decoder")
    with step("Its negative ELBO on cells that it has not seen is low enough", points=1):
        expect_other_images(step, vae, step.data.cells.x_test)
        limit = threshold("cells.trained")
        step.expect(
            limit >= R + K or forgiven(),
            expected=f"a negative ELBO of at most {limit:,.0f} {UNIT}",
            found=f"R + K = {in_steps_of(10, R + K):,.0f}: {found}",
            look="Are the targets counts, and the inputs expression? Then: the optimizer's learning rate, and enough epochs.",
            mistake="trained-too-little",
        )


def _reconstructed(step, decoder, counts, mean, stddev):
    """(R in nats per cell, the mean of ten draws of z for each cell; the shares of the last draw)."""
    losses = []
    for _ in range(10):  # of few cells one draw each would leave much to chance
        z = (mean + stddev * step.rng.normal(size=mean.shape)).astype(np.float32)
        shares = predict(decoder, z)
        expect_finite(step, shares)
        step.expect(
            float(shares.min()) >= 0,
            expected="shares: none below 0",
            found=f"values down to {shares.min():.2g}",
            look="the softmax at the end of the decoder",
            mistake="negative-shares",
        )
        losses.append(measures.poisson_per_cell(counts, _means(counts, shares)).mean())
    return float(np.mean(losses)), shares.astype(np.float64)


def _means(counts, shares):
    """What a decoder expects of each gene of each cell."""
    return np.maximum(counts.sum(axis=1, keepdims=True) * shares.astype(np.float64), _LEAST)
