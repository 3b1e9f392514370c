"""What is right, what to look at: `check(name, answer)` tells a learner at once, and gives the points."""

import importlib
import warnings

import numpy as np
from autoencoder_helpers.checks import failed_cells, long_tracebacks
from autoencoder_helpers.checks.handing_over import hand_over, handed_over, is_graded
from autoencoder_helpers.checks.result import CheckResult, StepResult
from autoencoder_helpers.checks.rule import CheckError, Rule, bind, charge_of, registered_rules, run_rule, unknown_name
from autoencoder_helpers.checks.standing import Standing
from autoencoder_helpers.front_end import shows_cards
from autoencoder_helpers.guesses.tally import tally

__all__ = ["CheckError", "CheckResult", "catalogue", "check", "progress"]

# A folder each; in it, one file a check: `vae.kl_weight` is in vae/kl_weight.py.
_CHAPTERS = ("dense", "conv", "vae", "flowers", "cells")

# For practice: none of these checks gives points, and no grading looks at them. Each chapter may have some, in PRACTICE.
_ASIDE = StepResult("For practice: grading does not look at it", False, 0.0, 0.0)

# The last result of each check in this session, by name.
_RESULTS: dict[str, CheckResult] = {}


def join_session() -> None:
    """Look at the cells of this session and at how it shows errors from now on; the second time nothing happens."""
    failed_cells.watch()
    long_tracebacks.shorten()


join_session()


def catalogue() -> dict[str, Rule]:
    """Every check that gives points by name, in the order of the chapters and of their notebooks."""
    listed = _imported("CHECKS")
    others = {name: rule for name, rule in registered_rules().items() if rule.points}
    return listed | others  # whichever was imported first


def practice() -> dict[str, Rule]:
    """Every check without points by name, in the same order: for the answers of who learns, and for nobody's grade."""
    return _imported("PRACTICE")


def _imported(what: str) -> dict[str, Rule]:
    chapters = {chapter: importlib.import_module(f"{__name__}.{chapter}") for chapter in _CHAPTERS}
    names = [f"{chapter}.{check}" for chapter, module in chapters.items() for check in getattr(module, what)]
    for name in names:
        importlib.import_module(f"{__name__}.{name}")
    rules = registered_rules()
    return {name: rules[name] for name in names}


def check(name: str, *answers, **named_answers) -> CheckResult:
    """Check one exercise.

    name: the check's name, such as "dense.encoder".
    answers: what you made, in the order in which the chapter names it.

    The result shows as a card; its plain text is the points. In grading, where another process scores what is handed
    over, it holds none: whoever looks at it there learns nothing. Whatever the answer is, `check` returns a result;
    CheckError is raised only for a name that does not exist or a wrong number of answers (and a CourseError, of which it
    is one kind, if the course's own data cannot be read).

    A check for practice says the same and gives no points; in grading it looks at nothing.
    """
    rules = catalogue() | practice()
    if not isinstance(name, str) or name not in rules:
        raise unknown_name(name)
    if not rules[name].points and is_graded():
        return CheckResult(name, rules[name].title, 0.0, 0.0, (_ASIDE,))
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # as in the rule: a warning made an error is none
        warnings.simplefilter("ignore")
        if hand_over(rules[name], bind(rules[name], answers, named_answers)):
            return handed_over(rules[name])
    # What follows from a mistake that has cost points already must not cost more.
    charged = {other: charge_of(result) for other, result in _RESULTS.items() if result.mistaken and other != name}
    result = _RESULTS[name] = run_rule(rules[name], answers, named_answers, charged=charged)
    if not shows_cards():
        print(result)
    return result


def progress(chapter: str) -> Standing:
    """How far you are in a chapter: its checks as they were run last in this session, points so far, what is next, and
    what became of your guesses.

    chapter: the first part of its checks' names: "dense", "conv", "vae", "flowers" or "cells".
    The result shows as a card. In grading it says nothing, because a notebook does not learn its points there.
    Raises CheckError for another name.
    """
    rules = tuple(rule for name, rule in catalogue().items() if name.split(".")[0] == chapter)
    if not rules:
        raise CheckError(f"progress: no chapter is named {chapter!r}; there are {', '.join(_CHAPTERS)}")
    graded = is_graded()
    title, guesses = f"Chapter {_CHAPTERS.index(chapter) + 1}", "" if graded else tally(chapter)
    aside = tuple(rule for name, rule in practice().items() if name.split(".")[0] == chapter)
    found = Standing(title, rules, _RESULTS, graded, guesses, aside)
    if not shows_cards():
        print(found)
    return found
