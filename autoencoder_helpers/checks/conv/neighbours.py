"""`conv.neighbours`: how well the nearest codes name a digit."""

from typing import NamedTuple

import numpy as np
from autoencoder_helpers.checks.answers import Function, Number, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule

_TASKS = 4  # one accuracy may be that of another classifier by luck, four are not
_KNOWN = {1: 60, 2: 34, 5: 25, 7: 17, 9: 44}  # digits and how many known codes have them: no two alike
_NEW = {1: 28, 2: 45, 5: 13, 7: 20, 9: 24}  # and of the new ones: other shares, so that each class counts by its size
_NEAR = 3e-3  # of two accuracies that are one: half precision, and less than half of one new code
_APART = 6e-3  # of two that are not


class _Task(NamedTuple):
    """What the function is handed, the right accuracy, and those of mistakes as `known` of expect_no_known_mistake."""

    handed: tuple
    wanted: float
    mistakes: tuple


@rule(
    "conv.neighbours",
    points=1,
    title="The share of digits that their 5 nearest neighbours name rightly",
    answers={"neighbour_accuracy": Function()},
)
def neighbours(step, neighbour_accuracy):
    tasks = _tasks(step.rng)
    wanted = np.array([task.wanted for task in tasks])
    count = sum(_NEW.values())
    with step("It returns one number from 0 to 1"):
        values = np.array([_accuracy_of(step, neighbour_accuracy, task) for task in tasks])
        step.expect(
            not np.allclose(values, 100 * wanted, rtol=_NEAR),
            expected=f"a share, {wanted[0]:.3f}",
            found=f"{values[0]:g}: in percent",
            look="A share lies between 0 and 1.",
            mistake="percent",
        )
        step.expect(
            not np.allclose(values, wanted * count, rtol=_NEAR),
            expected=f"a share, {wanted[0]:.3f}",
            found=f"{values[0]:g}: a count",
            look="Divide by the number of new codes: a mean in place of a sum.",
            mistake="count",
        )
        outside = values[(values < 0) | (values > 1)]
        step.expect(
            not outside.size,
            expected="a number from 0 to 1",
            found=f"{outside[0] if outside.size else 0:g}",
            look="right answers / all answers",
            mistake="not-a-share",
        )
    with step("It is the accuracy on new codes, judged by known ones", points=1):
        right = np.abs(values - wanted) < _NEAR
        worst = int(np.argmin(right))  # the first that is wrong
        expected = f"an accuracy of {wanted[worst]:.3f}"
        rows = zip(*(task.mistakes for task in tasks), strict=True)
        expect_no_known_mistake(
            step,
            [(np.array([row[0] for row in same]), *same[0][1:]) for same in rows],
            lambda others: np.allclose(values, others, rtol=0, atol=_NEAR),
            is_right=right.all(),
            expected=expected,
            before=f"{values[worst]:.3f}: ",
        )
        step.expect(
            right.all(),
            expected=expected,
            found=f"{values[worst]:.3f}",
            look="fit on the known codes and labels, score on the new ones, with n_neighbors=5",
            mistake="wrong-accuracy",
        )


def _accuracy_of(step, function, task):
    """The one number that the learner's function returns; it is handed copies, which it may change."""
    found = call(function, *(array.copy() for array in task.handed), name="neighbour_accuracy")
    step.expect(
        found.size == 1,
        expected="the share of right labels, one number",
        found=f"{found.size} numbers of shape {found.shape}",
        look="Compare the named labels with the true ones, and average.",
        mistake="not-reduced",
    )
    return Number().read(found, "the result of neighbour_accuracy")


def _tasks(rng):
    """Tasks in which no usual mistake has the right accuracy everywhere, and no two mistakes have the same one."""
    while True:
        tasks = [_neighbour_task(rng) for _ in range(_TASKS)]
        wanted = np.array([task.wanted for task in tasks])
        others = np.array([[row[0] for row in task.mistakes] for task in tasks])
        slugs = np.array([row[1] for row in tasks[0].mistakes])
        between = np.abs(others[:, :, None] - others[:, None]).max(axis=0)
        alike = between[slugs[:, None] != slugs] < _APART
        if np.abs(others - wanted[:, None]).max(axis=0).min() > _APART and not alike.any():
            return tasks


def _neighbour_task(rng):
    """Overlapping classes of unlike sizes. Of each new code it is clear which 5 are nearest, and whom they vote for.

    So every right classifier agrees, whatever it does with ties and however it rounds. Often no label has 3 votes of 5:
    then the most frequent one is not the one in the middle.
    """
    centres = {digit: rng.normal(0, (1.5, 3.5)) for digit in _KNOWN}

    def draw(digit, count):
        return centres[digit] + rng.normal(0, (1, 2.5), (count, 2))

    def clear(digit, count):
        kept = np.empty((0, 2), np.float32)
        while len(kept) < count:
            asked = draw(digit, 4 * count).astype(np.float32)
            kept = np.concatenate([kept, asked[_is_clear(known, known_labels, asked)]])
        return kept[:count]

    known_labels = rng.permutation(np.repeat(list(_KNOWN), list(_KNOWN.values()))).astype(np.uint8)
    known = np.concatenate([draw(digit, 1) for digit in known_labels]).astype(np.float32)
    new_labels = np.repeat(list(_NEW), list(_NEW.values())).astype(np.uint8)
    new = np.concatenate([clear(digit, count) for digit, count in _NEW.items()])
    order = rng.permutation(len(new))
    handed = known, known_labels, new[order], new_labels[order]
    return _Task(handed, _accuracy(*handed), _mistakes(*handed))


def _is_clear(known, labels, asked):
    """Which codes have a sixth neighbour well behind the fifth, and one label that most of the five have."""
    squared = np.sort(_squares(known, asked), axis=1)
    votes = np.sort(_votes(known, labels, asked)[1], axis=1)
    return (squared[:, 5] - squared[:, 4] > 1e-3) & (votes[:, -1] > votes[:, -2])


def _mistakes(known, known_labels, new, new_labels):
    """What the usual mistakes make of a task."""
    named = _named(known, known_labels, new)
    by_class = [(named == new_labels)[new_labels == digit].mean() for digit in _NEW]
    middle = np.median(known_labels[np.argsort(_squares(known, new), axis=1)[:, :5]], axis=1)
    each = [(codes - codes.mean(0)) / codes.std(0) for codes in (known, new)]
    alike = [(codes - known.mean(0)) / known.std(0) for codes in (known, new)]
    both = np.concatenate([known, new]), np.concatenate([known_labels, new_labels])
    euclidean = "The nearest are those by Euclidean distance, which is the default."
    scaled = "The distances are those of the codes as they are handed in: no scaling."

    def scored(**how):
        return _accuracy(known, known_labels, new, new_labels, **how)

    return (
        (_accuracy(new, new_labels, new, new_labels), "fitted-on-questions",
         "the accuracy of a classifier that has seen the answers",
         "Fit on the known codes, not on those that are asked."),
        (_accuracy(*both, new, new_labels), "fitted-on-questions",
         "the accuracy of a classifier that has seen the answers, too", "Fit on the known codes alone."),
        (_accuracy(known, known_labels, known, known_labels), "scored-on-known",
         "the accuracy on the known codes themselves", "Score on the new codes and their labels."),
        (_accuracy(new, new_labels, known, known_labels), "swapped-roles",
         "known and new in each other's place", "fit takes the known ones, score the new ones."),
        (1 - scored(), "error-rate", "the share of wrong answers", "Count the right ones."),
        (np.mean(by_class), "mean-over-classes", "the mean of the digits' own accuracies",
         "Each new code counts alike, whatever its digit: right answers / all answers."),
        (np.mean(middle == new_labels), "middle-label", "that of the median of the neighbours' labels",
         "Labels are names: which one do most of the five have?"),
        *(
            (scored(count=count), "wrong-number-of-neighbours",
             f"that of {count} neighbour{'s' if count > 1 else ''}", "n_neighbors=5")
            for count in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11)
        ),
        (scored(weigh=lambda squared: 1 / np.sqrt(squared)), "weighted-votes", "that of votes weighted by the distance",
         "Each of the five has one vote: no weights."),
        (scored(power=1), "not-euclidean", "that of city-block distances", euclidean),
        (scored(power=np.inf), "not-euclidean", "that of largest differences", euclidean),
        (_accuracy(each[0], known_labels, each[1], new_labels), "scaled-codes",
         "that of codes scaled, each set by itself", scaled),
        (_accuracy(alike[0], known_labels, alike[1], new_labels), "scaled-codes", "that of codes scaled", scaled),
    )  # fmt: skip


def _squares(known, asked, power=2):
    """Squared distances (asked, known); for another power the same of other distances."""
    return np.linalg.norm(asked[:, None].astype(float) - known[None], ord=power, axis=-1) ** 2


def _votes(known, labels, asked, count=5, power=2, weigh=np.ones_like):
    """(the labels that there are, the votes for each: (asked, labels))."""
    squared = _squares(known, asked, power)
    nearest = np.argsort(squared, axis=1)[:, :count]
    weights = weigh(np.maximum(np.take_along_axis(squared, nearest, axis=1), 1e-12))
    there = np.unique(labels)
    return there, np.stack([(weights * (labels[nearest] == label)).sum(1) for label in there], axis=1)


def _named(known, labels, asked, **how):
    there, votes = _votes(known, labels, asked, **how)
    return there[votes.argmax(1)]


def _accuracy(known, labels, asked, truth, **how):
    return float((_named(known, labels, asked, **how) == truth).mean())
