"""The engine behind `check`: a rule is written once and run in the notebook and in grading.

A rule is a function of a `Steps` object and the learner's answers:

    @rule("dense.encoder", points=2, title="The encoder squeezes 784 pixels into 2 numbers",
          answers={"encoder": Model(input_shape=(784,))})
    def encoder(step, encoder):
        with step("It gives 2 numbers for each image", points=0.5):
            step.expect(encoder.output_shape == (None, 2), expected="(None, 2)", found=encoder.output_shape,
                        look="the width of the last Dense layer", mistake="wrong-bottleneck")
        with step("...", points=1.5, stop=False):
            ...

The steps are layers: when one fails the rule ends, because what follows would only repeat the same news. A step
with `stop=False` is a concept of its own: when it fails, the next step is still looked at. The points of the
steps add up to the points of the rule (checked when every step has passed).

Whatever an answer does when it is looked at (attributes that raise, a call that fails), a rule ends in a result
and never in an exception, save for a CourseError: data that cannot be read is nobody's wrong answer.
"""

import contextlib
import difflib
import io
import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from secrets import randbits as unpredictable  # a name of this module's: tests put a number of theirs in its place

import numpy as np
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.checks.raised import texts_of
from autoencoder_helpers.checks.result import CheckResult, StepResult
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.values import Opaque
from autoencoder_helpers.quiet import quiet_stderr

_LONGEST_TEXT = 300


class CheckError(CourseError):
    """A check was called in a way that it cannot answer: no such name, wrong number of answers."""


class NotYet(Exception):
    """Ends a step that did not pass. Carries the texts of the message."""

    def __init__(self, *, expected="", found="", look="", mistake="other"):
        super().__init__(mistake)
        self.texts = {
            "expected": _text(expected),
            "found": _text(found),
            "look": _text(look),
            "mistake": mistake,
        }


class _EndOfRule(Exception):
    """A layer failed: what follows is not looked at."""


@dataclass(frozen=True)
class Rule:
    """A check of the catalogue: its name, points and title, and how each answer is read."""

    name: str
    points: float
    title: str
    answers: dict
    examine: Callable = field(repr=False)
    builds_on: tuple[str, ...] = ()


_CATALOGUE: dict[str, Rule] = {}


def rule(name: str, *, points: float, title: str, answers: dict, builds_on: tuple[str, ...] = ()) -> Callable:
    """Register a function as the rule `name`; `answers` maps each answer's name to its kind (see answers.py).

    builds_on: earlier answers that this one may call. If they are wrong, this one is judged with right ones in their
    place (see right_parts.py): a mistake costs its points once.
    """

    def register(examine):
        if name in _CATALOGUE and _CATALOGUE[name].examine.__module__ != examine.__module__:
            raise ValueError(f"two rules are named {name}")
        _CATALOGUE[name] = Rule(name, points, title, answers, examine, builds_on)
        return examine

    return register


def registered_rules() -> dict[str, Rule]:
    """The rules registered so far, by name."""
    return dict(_CATALOGUE)


class Steps:
    """What a rule works with: the steps, fresh random numbers, and data to measure on.

    rng: numpy Generator for inputs that an answer cannot have seen.
    data: images to measure on (see data.py); grading puts private ones in its place.
    charged: names of earlier checks that have taken points.
    excuses: those of them for which this rule has forgiven something.
    """

    def __init__(self, data, rng, charged=(), mistakes=None):
        self.data = data
        self.rng = rng
        self._charged = frozenset(charged)
        self._mistakes = mistakes or {}
        self.excuses: set[str] = set()
        self.results: list[StepResult] = []
        self._note = ""

    @contextlib.contextmanager
    def __call__(self, title: str, points: float = 0, stop: bool = True):
        """Look at one thing. What raises inside fails the step; `stop=False` lets the rule go on all the same."""
        self._note = ""
        try:
            yield
        except NotYet as failure:
            texts = failure.texts
        except (_EndOfRule, KeyboardInterrupt, CourseError):
            raise  # a CourseError (no data, a full disk) is not the answer's fault and must not cost points
        except BaseException as error:  # noqa: BLE001 - an answer may raise anything, SystemExit included
            texts = NotYet(**texts_of(error)).texts
        else:
            self.results.append(StepResult(title, True, points, points, look=_text(self._note)))
            return
        self.results.append(StepResult(title, False, 0.0, points, **texts))
        if stop:
            raise _EndOfRule

    @property
    def mistake(self) -> str:
        """The mistake of the last step; empty if it passed."""
        return self.results[-1].mistake

    def note(self, text: str) -> None:
        """Say something beside a step that passes: right, and yet not what the next cells expect. It costs nothing."""
        self._note = text

    def charged(self, *names: str) -> bool:
        """Whether one of these checks has taken points before, so that what follows from it must not cost more.

        For what can be seen to follow from it, such as codes of the very images that were wrong. Otherwise: `excused`.
        """
        return not self._charged.isdisjoint(names)

    def charged_for(self, name: str, mistakes: Iterable[str]) -> bool:
        """Whether this check has taken points for these mistakes, or it is not known for which it has."""
        return self.charged(name) and set(mistakes) <= set(self._mistakes.get(name, mistakes))

    def excused(self, *names: str) -> bool:
        """The same where it can only be supposed: no more is then given back than these checks have taken.

        Both mistakes together cost what the dearer one costs, so that nobody gains by an earlier mistake.
        """
        found = self._charged.intersection(names)
        self.excuses |= found
        return bool(found)

    def expect(self, holds, *, expected, found, look, mistake) -> None:
        """Fail the step unless `holds`. Texts may be any object; `mistake` is the slug that names the error."""
        if not holds:
            raise NotYet(expected=expected, found=found, look=look, mistake=mistake)

    def fail(self, *, expected, found, look, mistake) -> None:
        """Fail the step."""
        raise NotYet(expected=expected, found=found, look=look, mistake=mistake)


def run_rule(
    entry: Rule,
    values: tuple,
    named: dict,
    *,
    data=None,
    seed: int | None = None,
    charged: Mapping[str, float | tuple] | Iterable[str] = (),
) -> CheckResult:
    """Run one rule on a learner's answers.

    values, named: the answers, by position (in the order of the rule's `answers`) and by name.
    data: what to measure on; the public data if None.
    seed: of the fresh random inputs; unpredictable if None.
    charged: the checks of the same notebook that have taken points so far, and how many, or a pair of how many and for
    which mistakes, see `charge_of`; names alone: any number.
    Raises CheckError for a wrong number or name of answers, CourseError if data or reference values cannot be had.
    """
    given = bind(entry, values, named)
    data = PublicData() if data is None else data
    seed = unpredictable(128) if seed is None else seed  # whoever looks twice, looks at the same inputs
    taken = dict(charged) if isinstance(charged, Mapping) else dict.fromkeys(charged, float("inf"))
    mistakes = {name: price[1] for name, price in taken.items() if isinstance(price, (list, tuple))}
    taken |= {name: taken[name][0] for name in mistakes}

    def look(charged, right_parts=()):
        steps = Steps(data, np.random.default_rng(seed), charged, mistakes)
        return _examined(entry, given, steps, right_parts), steps.excuses

    result, excuses = look(taken)
    if excuses:
        strict, _ = look(set(taken) - excuses)
        result = _given_back(result, strict, sum(taken[name] for name in excuses))
    if not result.passed and entry.builds_on:
        again, _ = look(taken, entry.builds_on)
        result = again if again.points > result.points else result
    return result


def charge_of(result: CheckResult) -> tuple[float, list[str]]:
    """What a check has taken, and for which mistakes, as `run_rule` takes it; JSON-ready."""
    return result.lost, [step.mistake for step in result.failures]


def _given_back(lenient: CheckResult, strict: CheckResult, most: float) -> CheckResult:
    """The lenient result, if it gives at most so many points more than the strict one; else that one with so many more."""
    if lenient.points <= strict.points + most:
        return lenient
    left, steps = most, []
    for step in strict.steps:
        given = 0.0 if step.passed else min(left, step.max_points - step.points)
        left -= given
        steps.append(replace(step, points=step.points + given))
    return replace(strict, points=strict.points + most, steps=tuple(steps))


def _examined(entry, given, steps, right_parts) -> CheckResult:
    """The result of a rule on answers by name; right_parts: what is to be right whatever the learner wrote."""
    with _silence(), contextlib.suppress(_EndOfRule):
        with steps(_reading_title(entry, given)):
            read = {name: _read(kind, given[name], name) for name, kind in entry.answers.items()}
            if right_parts:
                read = {
                    name: kind.with_right_parts(read[name], right_parts)
                    if hasattr(kind, "with_right_parts")
                    else read[name]
                    for name, kind in entry.answers.items()
                }
        # A title never seen by learners unless the rule itself (not a step of it) meets an error.
        with steps("The answer can be looked at"):
            entry.examine(steps, **read)
        steps.results.pop()
    total = sum(step.points for step in steps.results)
    if all(step.passed for step in steps.results) and abs(total - entry.points) > 1e-9:
        raise AssertionError(f"the steps of {entry.name} add up to {total}, not to {entry.points}")
    return CheckResult(entry.name, entry.title, min(total, entry.points), entry.points, tuple(steps.results))


def without_points(entry: Rule, title: str, **texts: str) -> CheckResult:
    """The result of a check that could not be run at all: one failed step; `texts` as those of NotYet."""
    step = StepResult(title, False, 0.0, entry.points, **NotYet(**texts).texts)
    return CheckResult(entry.name, entry.title, 0.0, entry.points, (step,))


@dataclass(frozen=True)
class Unreadable:
    """Stands, in grading, for an answer that was none of the kind asked for; `texts` are those of its NotYet."""

    texts: dict


def _read(kind, value, name):
    if isinstance(value, Unreadable):
        raise NotYet(**value.texts)
    return kind.read(value, name)


def unknown_name(name: object) -> CheckError:
    """The error for a name that no rule has, with the nearest one that there is."""
    close = difflib.get_close_matches(str(name), _CATALOGUE, n=1)
    advice = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(sorted(_CATALOGUE))}"
    return CheckError(f"no check is named {_text(name)!r}; {advice}")


def describe(value: object) -> str:
    """A short, safe description of any object: what it is, never more than a line, never an exception."""
    try:
        if value is None:
            return "None"
        if isinstance(value, Opaque):
            return value.said
        if isinstance(value, type):
            return f"the class {value.__name__}"
        if isinstance(value, (dict, list, tuple)):
            return f"a {type(value).__name__} of {_parts(value)}"
        shape = getattr(value, "shape", None)
        if shape is not None:
            return f"{type(value).__name__} of shape {tuple(shape)}"
        if isinstance(value, (bool, int, float, str)):
            return f"{type(value).__name__} {_text(repr(value))}"
        return f"an object of type {type(value).__name__}"
    except Exception:  # noqa: BLE001 - attributes of a stranger's object may raise
        return f"an object of type {type(value).__name__}"


def _parts(value: dict | list | tuple) -> str:
    """What a container holds: the names of a dict, the kinds of anything else."""
    names = map(repr, value) if isinstance(value, dict) else (type(part).__name__ for part in value)
    shown = ", ".join([*itertools.islice(names, 4), *(["..."] if len(value) > 4 else [])])
    return f"{len(value)} thing{'' if len(value) == 1 else 's'}" + (f": {shown}" if shown else "")


def _reading_title(entry: Rule, given: dict) -> str:
    handed_in = {
        name: kind for name, kind in entry.answers.items() if given[name] is not None or not _is_optional(kind)
    }
    parts = [f"{name} is {kind.title}" for name, kind in handed_in.items()]
    return "; ".join(parts)


def _is_optional(kind) -> bool:
    return getattr(kind, "optional", False)


def bind(entry: Rule, values: tuple, named: dict) -> dict:
    """Return a rule's answers by name, None for an optional one that is missing.

    Raises CheckError when another one is missing, unknown or given twice.
    """
    names = list(entry.answers)
    usage = f'check("{entry.name}", {", ".join(names)})'
    if len(values) > len(names):
        raise CheckError(f"too many answers: found {len(values)}, write {usage}")
    given = dict(zip(names, values, strict=False))
    for name, value in named.items():
        if name not in names or name in given:
            raise CheckError(f"answer {name!r} does not fit here: write {usage}")
        given[name] = value
    optional = [name for name in names if _is_optional(entry.answers[name])]
    missing = [name for name in names if name not in given and name not in optional]
    if missing:
        raise CheckError(f"missing {', '.join(missing)}: write {usage}")
    return {name: given.get(name) for name in names}


@contextlib.contextmanager
def _silence():
    """Keep what an answer prints, warns and logs out of the graded cell."""
    with (
        quiet_stderr(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield


def _text(value: object) -> str:
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001
        text = describe(value)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
