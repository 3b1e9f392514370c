"""Scores one check from its evidence: the rule that the learner saw, on networks rebuilt from data.

Runs in a process that never runs a learner's code. A rule that passes here has been passed by what was handed in:
by networks that do the job on images they have never met, and by functions that give the right values for inputs
made for this run.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from autoencoder_grader.scoring.asking import Asker, RemoteFunction, RemotePrior, RemoteRows
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.answers import Distribution, Function, Images, Model
from autoencoder_helpers.checks.result import CheckResult
from autoencoder_helpers.checks.rule import Rule, Unreadable, run_rule, without_points
from autoencoder_helpers.evidence.messages import BadMessage, Mailbox, part_of
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.evidence.refusals import Refused
from autoencoder_helpers.evidence.training_records import from_data
from autoencoder_helpers.evidence.values import decode, quoted

#: What the learner's side says of an answer that is none of the kind asked for: see NotYet.
_TEXTS = ("expected", "found", "look")
#: The mistakes that it may name there, which are those of checks/answers.py and checks/recipes.py.
UNREADABLE = frozenset(
    [
        "cannot-be-rebuilt",
        "cell-failed",
        "class-not-object",
        "layer-not-distribution",
        "missing",
        "no-array",
        "no-distribution",
        "no-function",
        "no-input-shape",
        "no-layers",
        "no-model",
        "no-return",
        "not-a-number",
        "not-finite",
        "nothing-given-back",
        "own-kl",
        "own-sampling",
        "several-in-one",
        "shipped-network",
        "subclassed-model",
        "too-few-parameters",
        "too-many-parameters",
        "trailing-comma",
        "wrong-input-shape",
        "wrong-shape",
    ]
)


def score(
    box: Mailbox,
    ticket: str,
    check: str,
    data,
    ended: Callable[[], bool] = lambda: False,
    more_data=(),
    charged: Mapping[str, float] | Iterable[str] = (),
) -> list[CheckResult]:
    """Score the evidence that lies in `box` under `ticket` by the rule `check`.

    data: what the rule measures on (see checks.data). more_data: further data to score on as well; the validity
    report compares the results. ended: whether the learner's cell has ended. charged: the checks of the same
    notebook that have taken points so far, and how many; see run_rule.
    Returns a result for `data` and for each of `more_data`. Never raises for what a learner's process sent.
    """
    rule = catalogue()[check]
    asker = Asker(box, ticket, ended)
    try:
        answers = _read(rule, box, ticket, asker)
        results = [
            run_rule(rule, (), answers, data=source, seed=secrets.randbits(64), charged=charged)
            for source in (data, *more_data)
        ]
    except (BadMessage, Refused) as reason:
        results = [refused(rule, str(reason))] * (1 + len(more_data))
    finally:
        asker.close()
    return results


def refused(rule: Rule, reason: str) -> CheckResult:
    """The result when what was handed over cannot be read: no points, and the reason."""
    return without_points(
        rule,
        "What was handed over can be read",
        expected="networks, numbers and arrays as the check in the notebook hands them over",
        found=reason,
        look="Restart the kernel and run all cells: is the check a card there, too?",
        mistake="evidence-refused",
    )


def _read(rule, box, ticket, asker) -> dict:
    """The answers in the evidence. Raises BadMessage or Refused for whatever cannot be read."""
    try:
        tree, arrays = box.receive(f"{ticket}-evidence", 0.0)
        return _answers(rule, tree, arrays, asker)
    except (BadMessage, Refused, MemoryError):  # memory is the machine's affair
        raise
    except Exception as error:
        raise BadMessage(f"it cannot be read ({type(error).__name__})") from error


def _answers(rule: Rule, tree, arrays: list[np.ndarray], asker: Asker) -> dict:
    """The answers as the rule wants them. Raises BadMessage or Refused for evidence of any other form."""
    if not isinstance(tree, dict) or tree.get("check") != rule.name or not isinstance(tree.get("answers"), dict):
        raise BadMessage("this is no evidence for this check")
    if set(tree["answers"]) != set(rule.answers):
        raise BadMessage("this is no evidence for this check: other answers")
    models = {}
    if "models" in tree:
        models = rebuild_models(tree["models"], part_of(arrays, tree.get("arrays")))
    answers = {}
    for name, kind in rule.answers.items():
        sent = tree["answers"][name]
        if not isinstance(sent, dict) or len(sent) != 1:
            raise BadMessage(f"{name}: no answer of a known kind")
        form, content = next(iter(sent.items()))
        if form == "unreadable":
            answers[name] = Unreadable(_texts(content))
        elif form == "model" and isinstance(kind, Model) and name in models and isinstance(content, dict):
            answers[name] = _compiled(models[name], name, content.get("loss"), asker)
            from_data(models[name], content.get("trained_on"))
        elif form == "function" and isinstance(kind, Function):
            answers[name] = RemoteFunction(asker, name, _identifier(content))
        elif form == "distribution" and isinstance(kind, Distribution) and isinstance(content, dict):
            answers[name] = RemotePrior(asker, name, content)
        elif form == "rows" and isinstance(kind, Images) and isinstance(content, dict):
            answers[name] = RemoteRows(asker, name, content)
        elif form == "absent" and getattr(kind, "optional", False):
            answers[name] = None
        elif form == "value" and not isinstance(kind, (Model, Function, Distribution, Images)):
            answers[name] = decode(content, arrays)
        else:
            raise BadMessage(f"{name}: no answer of the kind that this check takes")
    return answers


def _compiled(model, name, loss, asker):
    """A rebuilt network with the loss that it was compiled with, which is asked for its values."""
    model.optimizer = None if loss is None else "as compiled"
    model.loss = None if loss is None else RemoteFunction(asker, f"{name}.loss", _identifier(loss))
    return model


def _identifier(text) -> str:
    return text if isinstance(text, str) and re.fullmatch(r"[\w.<>]{1,80}", text) else "a function"


def _texts(content) -> dict:
    texts = content if isinstance(content, dict) else {}
    said = {key: quoted(str(texts[key])[:300]) if texts.get(key) else "" for key in _TEXTS}
    slug = texts.get("mistake")
    return {**said, "mistake": slug if isinstance(slug, str) and slug in UNREADABLE else "other"}
