"""`cells.genes`: which genes a latent direction pulls up most."""

from dataclasses import dataclass, replace

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule

_GENES, _COUNTS = 40, (5, 8)  # the notebook asks for 8
_SHORT = 0.01  # a step so short that it sorts the genes as the gradient does
_LENGTHS = (0.5, 0.9, 1.1, 1.5, 2.0, 3.0)  # of wrong steps


@rule(
    "cells.genes",
    points=1,
    title="The genes whose share grows most, as a factor, one step along a latent variable",
    answers={"pulled_genes": Function()},
)
def genes(step, pulled_genes):
    tasks = _tasks(step.rng)
    answers = []
    with step("It returns the numbers of as many genes as it is asked for"):
        for task in tasks:
            changed = set()
            found = call(
                pulled_genes, task.decoder, task.z, task.axis, task.count, name="pulled_genes", changed=changed
            )
            step.expect(
                found.shape == (task.count,),
                expected=f"{task.count} numbers of genes, for count={task.count}",
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
            answers.append(([int(gene) for gene in found], changed))
    with step("They are those whose share grows by the largest factor, the largest first", points=1):
        for task, (found, changed) in zip(tasks, answers, strict=True):
            _expect_pulled(step, task, found, changed)


@dataclass(frozen=True)
class _Task:
    """What is asked once. weights: of the decoder, in float64."""

    decoder: object
    weights: tuple
    z: np.ndarray
    axis: int
    count: int

    def shares(self, steps=0.0, others=0.0, start=1.0) -> np.ndarray:
        """The shares of the genes at start * z, so many steps further along the axis and along the other one."""
        place = start * self.z.astype(np.float64)
        place[self.axis] += steps
        place[1 - self.axis] += others
        into, shift, out, common = self.weights
        logits = np.tanh(place @ into + shift) @ out + common
        shares = np.exp(logits - logits.max())
        return shares / shares.sum()

    def growth(self, steps=1.0, others=0.0, start=1.0) -> np.ndarray:
        """By how much ln of the shares grows on that way, which begins at start * z."""
        return np.log(self.shares(steps, others, start)) - np.log(self.shares(start=start))

    def first(self, values) -> list[int]:
        """The places of the largest values, the largest first."""
        return [int(gene) for gene in np.argsort(-values)[: self.count]]

    def mistaken(self) -> tuple:
        """What usual mistakes sort by, as `known` of expect_no_known_mistake."""
        before, after, growth = self.shares(), self.shares(1.0), self.growth()
        return (
            (after - before, "difference-not-factor", "the genes whose share grows by most counts",
             "The common genes always move most in counts. The factor is after / before, or a difference of logarithms."),
            (-growth, "falling-genes", "the genes whose share falls most", "np.argsort sorts upwards: of -factor, or from its end."),
            (np.abs(growth), "absolute-value", "the genes that move most, up or down", "Only those that grow."),
            (after, "share-not-growth", "the genes with the largest share", "Compare the shares after the step with those before."),
            (before, "share-not-growth", "the genes with the largest share", "Compare the shares after the step with those before."),
            (self.growth(0.0, 1.0), "other-axis", f"the genes that the other latent variable pulls, for axis={self.axis}",
             "Only z[axis] grows by 1."),
            (self.growth(1.0, 1.0), "other-axis", "the genes of a step along both latent variables", "Only z[axis] grows by 1."),
            (self.growth(-1.0), "backwards", "the genes of a step back", "z[axis] + 1, not - 1"),
            (self.growth(start=0.0), "from-the-origin", "the genes of a step from (0, 0)", "The step begins at z."),
            (self.growth(_SHORT), "other-step", "the genes of a gradient, or of a tiny step", "z[axis] grows by 1, which is far: shares bend."),
            *((self.growth(length), "other-step", f"the genes of a step of {length:g}", "z[axis] grows by 1.") for length in _LENGTHS),
        )  # fmt: skip


def _expect_pulled(step, task, found, changed):
    """Inside a step: fail unless these are the genes of a task. changed: whether z is no longer what it was."""
    wanted = task.first(task.growth())
    step.expect(
        found == wanted or not changed,
        expected="the shares at z and a step further",
        found="the z that was handed in has become another: both shares may be those of one place",
        look="further = z.copy(), and then further[axis] += 1",
        mistake="changes-its-input",
    )
    expect_no_known_mistake(
        step,
        task.mistaken(),
        lambda values: found == task.first(values),
        is_right=found == wanted,
        expected="the genes with the largest after / before",
    )
    step.expect(
        found != wanted[::-1],
        expected="the largest factor first",
        found="the right genes, the largest factor last",
        look="[::-1] turns them round; or sort -factor.",
        mistake="wrong-order",
    )
    step.expect(
        found == wanted,
        expected=f"genes {', '.join(map(str, wanted))}",
        found=f"{', '.join(map(str, found))}",
        look="decoder(a copy of z with z[axis] + 1) / decoder(z), for the decoder that is given; then np.argsort",
        mistake="wrong-genes",
    )


def _tasks(rng) -> list[_Task]:
    """A question for each axis, about a small decoder with random weights, for which no mistake gives the right genes by chance."""
    counts = [int(count) for count in rng.permutation(_COUNTS)]
    while True:
        weights = (
            rng.normal(0, 1.5, (2, 8)),
            rng.normal(0, 0.5, 8),
            rng.normal(0, 1.0, (8, _GENES)),
            rng.normal(0, 2, _GENES),
        )
        z = rng.uniform(-1, 1, 2).astype(np.float32)
        tasks = [_Task(None, weights, z, axis, count) for axis, count in enumerate(counts)]
        if all(map(_is_telling, tasks)):
            decoder = _decoder(weights)
            return [replace(task, decoder=decoder) for task in tasks]


def _is_telling(task) -> bool:
    growth = task.growth()
    factors = np.sort(growth)[::-1][: task.count + 1]
    if float(np.diff(-factors).min()) <= 0.01 or task.shares().min() <= 1e-6:
        return False
    return not any(task.first(values) == task.first(growth) for values, *_ in task.mistaken())


def _decoder(weights):
    """A network with these weights, in float32 whatever the notebook's policy: half precision would blur the order."""
    import tf_keras as keras

    layers = keras.layers
    decoder = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(8, activation="tanh", dtype="float32"),
            layers.Dense(_GENES, activation="softmax", dtype="float32"),
        ]
    )
    decoder.set_weights(weights)
    return decoder
