"""`cells.genes`: which genes a latent direction pulls up most."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.rule import rule

_GENES, _COUNT = 40, 5


@rule(
    "cells.genes",
    points=1,
    title="The genes whose share grows most, as a factor, one step along a latent variable",
    answers={"pulled_genes": Function()},
)
def genes(step, pulled_genes):
    decoder, z, axis = _task(step.rng)
    before, after = _shares(decoder, z, axis)
    factors = np.log(after) - np.log(before)
    wanted = np.argsort(-factors)[:_COUNT]
    with step(f"It returns the numbers of {_COUNT} genes"):
        changed = set()
        found = call(pulled_genes, decoder, z, axis, _COUNT, name="pulled_genes", changed=changed)
        step.expect(
            found.shape == (_COUNT,),
            expected=f"{_COUNT} numbers of genes",
            found=f"shape {found.shape}",
            look="np.argsort(...)[:count] are the numbers of `count` genes, in order.",
            mistake="wrong-shape",
        )
        step.expect(
            bool((found == np.rint(found)).all()) and found.min() >= 0 and found.max() < _GENES,
            expected=f"whole numbers from 0 to {_GENES - 1}: columns of the genes",
            found=f"{', '.join(f'{value:.4g}' for value in found)}",
            look="np.argsort gives places; the values themselves are not asked for.",
            mistake="values-not-places",
        )
    with step("They are those whose share grows by the largest factor, the largest first", points=1):
        found = [int(gene) for gene in found]
        if found != [int(gene) for gene in wanted]:
            expect_unchanged(
                step,
                changed,
                found="the z that was handed in has become another: both shares may be those of one place",
                look="further = z.copy(), and then further[axis] += 1",
            )
        other = 1 - axis
        rates = {
            "back": np.log(_shares(decoder, z, axis, -1.0)[1]) - np.log(before),
            "other": np.log(_shares(decoder, z, other)[1]) - np.log(before),
            "origin": np.subtract(*np.log(_shares(decoder, 0 * z, axis)[::-1])),
        }
        expect_no_known_mistake(
            step,
            (
                (after - before, "difference-not-factor", "the genes whose share grows by most counts",
                 "The common genes always move most in counts. The factor is after / before, or a difference of logarithms."),
                (-factors, "falling-genes", "the genes whose share falls most", "np.argsort sorts upwards: of -factor, or from its end."),
                (np.abs(factors), "absolute-value", "the genes that move most, up or down", "Only those that grow."),
                (after, "share-not-growth", "the genes with the largest share", "Compare the shares after the step with those before."),
                (before, "share-not-growth", "the genes with the largest share", "Compare the shares after the step with those before."),
                (rates["other"], "other-axis", "the genes that the other latent variable pulls", "Only z[axis] grows by 1."),
                (rates["back"], "backwards", "the genes of a step back", "z[axis] + 1, not - 1"),
                (rates["origin"], "from-the-origin", "the genes of a step from (0, 0)", "The step begins at z."),
            ),
            lambda values: found == [int(gene) for gene in np.argsort(-values)[:_COUNT]],
            is_right=found == [int(gene) for gene in wanted],
            expected="the genes with the largest after / before",
        )  # fmt: skip
        step.expect(
            found != [int(gene) for gene in wanted[::-1]],
            expected="the largest factor first",
            found="the right genes, the largest factor last",
            look="[::-1] turns them round; or sort -factor.",
            mistake="wrong-order",
        )
        step.expect(
            found == [int(gene) for gene in wanted],
            expected=f"genes {', '.join(map(str, wanted))}",
            found=f"{', '.join(map(str, found))}",
            look="decoder(a copy of z with z[axis] + 1) / decoder(z), for the decoder that is given; then np.argsort",
            mistake="wrong-genes",
        )


def _shares(decoder, z, axis, length=1.0):
    """The shares (genes,) at z, and a step further along an axis."""
    further = z.copy()
    further[axis] += length
    before, after = predict(decoder, np.stack([z, further])).astype(np.float64)
    return before, after


def _task(rng):
    """(a small decoder with random weights, a point, an axis) for which no mistake gives the right genes by chance."""
    import tf_keras as keras

    layers = keras.layers
    decoder = keras.Sequential(
        [layers.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(_GENES, activation="softmax")]
    )
    while True:
        decoder.set_weights(
            [
                rng.normal(0, 0.7, (2, 8)),
                rng.normal(0, 0.5, 8),
                rng.normal(0, 1.0, (8, _GENES)),
                rng.normal(0, 2, _GENES),
            ]
        )
        z, axis = rng.uniform(-1, 1, 2).astype(np.float32), int(rng.integers(2))
        before, after = _shares(decoder, z, axis)
        growth = np.log(after / before)
        factors = np.sort(growth)[::-1][: _COUNT + 1]
        if float(np.diff(-factors).min()) <= 0.01 or before.min() <= 1e-6:
            continue
        other = np.log(_shares(decoder, z, 1 - axis)[1] / before)
        origin = np.log(np.divide(*_shares(decoder, 0 * z, axis)[::-1]))
        mistaken = (other, origin, after, before, after - before, np.abs(growth))
        if not any(list(_first(values)) == list(_first(growth)) for values in mistaken):
            return decoder, z, axis


def _first(values):
    """The places of the largest values, the largest first."""
    return np.argsort(-values)[:_COUNT]
