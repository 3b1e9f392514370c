"""`conv.neighbours`: how well the nearest codes name a digit."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, Number, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule


@rule(
    "conv.neighbours",
    points=1,
    title="The share of digits that their 5 nearest neighbours name rightly",
    answers={"neighbour_accuracy": Function()},
)
def neighbours(step, neighbour_accuracy):
    known, known_labels, new, new_labels, wanted, others = _neighbour_task(step.rng)
    with step("It returns one number from 0 to 1"):
        found = call(neighbour_accuracy, known, known_labels, new, new_labels, name="neighbour_accuracy")
        step.expect(
            found.size == 1,
            expected="the share of right labels, one number",
            found=f"{found.size} numbers of shape {found.shape}",
            look="Compare the named labels with the true ones, and average.",
            mistake="not-reduced",
        )
        value = Number().read(found, "the result of neighbour_accuracy")
        step.expect(
            not (wanted > 0 and np.isclose(value, 100 * wanted)),
            expected=f"a share, {wanted:.3f}",
            found=f"{value:g}: in percent",
            look="A share lies between 0 and 1.",
            mistake="percent",
        )
        step.expect(
            not np.isclose(value, wanted * len(new)),
            expected=f"a share, {wanted:.3f}",
            found=f"{value:g}: a count",
            look="Divide by the number of new codes: a mean in place of a sum.",
            mistake="count",
        )
        step.expect(
            0 <= value <= 1,
            expected="a number from 0 to 1",
            found=f"{value:g}",
            look="right answers / all answers",
            mistake="not-a-share",
        )
    with step("It is the accuracy on new codes, judged by known ones", points=1):
        expect_no_known_mistake(
            step,
            others,
            lambda other: np.isclose(value, other, atol=1e-6),
            is_right=np.isclose(value, wanted, atol=1e-6),
            expected=f"an accuracy of {wanted:.3f}",
            before=f"{value:.3f}: ",
        )
        step.expect(
            np.isclose(value, wanted, atol=1e-6),
            expected=f"an accuracy of {wanted:.3f}",
            found=f"{value:.3f}",
            look="fit on the known codes and labels, score on the new ones, with n_neighbors=5",
            mistake="wrong-accuracy",
        )


def _neighbour_task(rng):
    """Two overlapping classes, and the accuracies that right and wrong classifiers have on them.

    Returns (known codes, their labels, new codes, their labels, the right accuracy, those of the usual mistakes as
    `known` of expect_no_known_mistake).

    Two classes and an odd number of neighbours: no vote is a tie, so every right classifier agrees.
    """
    while True:
        size = 90
        known_labels = rng.permutation(np.repeat([3, 8], size)).astype(np.uint8)
        new_labels = rng.permutation(np.repeat([3, 8], size // 2 + 8)).astype(np.uint8)
        known, new = (
            (rng.normal(size=(len(labels), 2)) + 1.3 * (labels == 8)[:, None]).astype(np.float32)
            for labels in (known_labels, new_labels)
        )

        def accuracy(codes, labels, asked, truth, count=5):
            return float((_vote(codes, labels, asked, count) == truth).mean())

        wanted = accuracy(known, known_labels, new, new_labels)
        others = (
            (accuracy(new, new_labels, new, new_labels), "fitted-on-questions",
             "the accuracy of a classifier that has seen the answers",
             "Fit on the known codes, not on those that are asked."),
            (accuracy(known, known_labels, known, known_labels), "scored-on-known",
             "the accuracy on the known codes themselves", "Score on the new codes and their labels."),
            (accuracy(new, new_labels, known, known_labels), "swapped-roles",
             "known and new in each other's place", "fit takes the known ones, score the new ones."),
            (1 - wanted, "error-rate", "the share of wrong answers", "Count the right ones."),
            *(
                (accuracy(known, known_labels, new, new_labels, count), "wrong-number-of-neighbours",
                 f"that of {count} neighbour{'s' if count > 1 else ''}", "n_neighbors=5")
                for count in (1, 3, 7)
            ),
        )  # fmt: skip
        if min(abs(other[0] - wanted) for other in others) > 1e-3:  # else a wrong answer could pass by luck
            return known, known_labels, new, new_labels, wanted, others


def _vote(codes, labels, asked, count):
    squared = ((asked[:, None].astype(float) - codes[None]) ** 2).sum(-1)
    nearest = labels[np.argsort(squared, axis=1)[:, :count]]
    return np.where((nearest == 8).sum(1) * 2 > count, 8, 3)
