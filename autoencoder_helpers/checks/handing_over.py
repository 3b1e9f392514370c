"""The learner's side of grading: hands over what a check needs, and answers the grader's questions.

In a notebook that nobody grades nothing of this happens. In grading the environment variable AUTOENCODER_EVIDENCE
names a folder with a mailbox, and the process that scores reads there what was answered. Nothing here is trusted
by it: whoever changes this code changes only what is handed in.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from autoencoder_helpers.checks.answers import Distribution, Function, Model, Rows
from autoencoder_helpers.checks.in_training import in_training
from autoencoder_helpers.checks.models import loss_of
from autoencoder_helpers.checks.raised import named
from autoencoder_helpers.checks.result import CheckResult, StepResult
from autoencoder_helpers.checks.right_parts import with_right_parts
from autoencoder_helpers.checks.rule import NotYet, Rule, describe
from autoencoder_helpers.evidence.messages import ASKED_FOR, BadMessage, Mailbox, grading_folder
from autoencoder_helpers.evidence.training_records import as_data
from autoencoder_helpers.evidence.values import Recorder, decode, encode, is_still

_SECONDS = 300.0  # without a question for so long, nobody is there any more


def is_graded() -> bool:
    """Whether a grader watches this session."""
    return bool(grading_folder())


def hand_over(rule: Rule, answers: dict) -> bool:
    """Hand over the answers of one check if a grader asks for them, and stay until it has asked everything.

    answers: by name, as the learner gave them. Returns whether that was done: the rule then runs where they are
    scored, and need not run here as well. Whatever goes wrong here, the learner's cell goes on.
    """
    folder = grading_folder()
    if not folder:
        return False
    try:
        box = Mailbox(Path(folder, "questions"), Path(folder, "answers"))
        asked = json.loads((box.incoming / ASKED_FOR).read_text(encoding="utf-8"))
        if asked["check"] != rule.name:
            return False
        _hand_over(rule, answers, box, asked["ticket"])
    except Exception:  # noqa: BLE001 - no evidence is an outcome, too, and the grader's to report
        return False
    return True


def handed_over(rule: Rule) -> CheckResult:
    """What `check` returns where its answers were handed over."""
    step = StepResult("Handed over: the points come from the process that scores", True, 0.0, 0.0)
    return CheckResult(rule.name, rule.title, 0.0, rule.points, (step,))


def _hand_over(rule, answers, box, ticket):
    evidence, arrays, at_hand = _evidence(rule, answers)
    box.send(f"{ticket}-evidence", evidence, arrays)
    number = 0
    while True:
        question = box.receive(f"{ticket}-{number:04d}", _SECONDS)
        if question is None or question[0].get("ask") == "no more":
            return
        reply_arrays: list[np.ndarray] = []
        try:
            reply = _reply(*question, at_hand, reply_arrays)
        except (KeyboardInterrupt, BadMessage):
            raise
        except BaseException as raised:  # noqa: BLE001 - a learner's function may raise anything
            error = named(raised)
            reply, reply_arrays = {"error": [type(error).__name__, _first_line(error)]}, []
        box.send(f"{ticket}-{number:04d}", reply, reply_arrays)
        number += 1


def _evidence(rule, answers):
    """Return (tree, arrays, at hand): what is sent, and the objects that questions may be about, by name."""
    arrays: list[np.ndarray] = []
    at_hand: dict = {}
    tree: dict = {"check": rule.name, "answers": {}}
    models = {}
    for name, kind in rule.answers.items():
        try:
            value = kind.read(answers[name], name)
        except NotYet as reason:
            tree["answers"][name] = {"unreadable": reason.texts}
            continue
        if value is None:
            tree["answers"][name] = {"absent": True}
        elif isinstance(kind, Model):
            models[name] = value
            tree["answers"][name] = {"model": _compilation(name, value, at_hand)}
        elif isinstance(kind, Function):
            at_hand[name] = value
            tree["answers"][name] = {"function": getattr(value, "__name__", type(value).__name__)}
        elif isinstance(kind, Distribution):
            at_hand[name] = value
            tree["answers"][name] = {"distribution": value.facts()}
        elif isinstance(value, Rows):
            at_hand[name] = value.take
            tree["answers"][name] = {"rows": {"shape": list(value.shape), "dtype": str(value.dtype)}}
        else:
            tree["answers"][name] = {"value": encode(value, arrays, describe)}
    if models:
        from autoencoder_helpers.evidence.description import describe_models

        tree["models"], weights = describe_models(models)
        tree["arrays"] = [len(arrays), len(weights)]
        arrays += weights
    return tree, arrays, at_hand


def _compilation(name, model, at_hand):
    """Whether a network is compiled, the name under which its loss can be asked for, and what it was trained on."""
    import tf_keras as keras

    record = {"trained_on": as_data(model)}
    single = loss_of(model)
    if getattr(model, "optimizer", None) is None or single is None:
        return {"loss": None, **record}
    at_hand[f"{name}.loss"] = lambda y_true, y_pred: np.asarray(keras.losses.get(single)(y_true, y_pred))
    return {"loss": single if isinstance(single, str) else getattr(single, "__name__", type(single).__name__), **record}


def _reply(question, arrays, at_hand, reply_arrays):
    target = at_hand[question["name"]]
    if question.get("right_parts"):
        target = with_right_parts(target, tuple(question["right_parts"]))
    if question.get("training"):
        target = in_training(target)
    if question.get("method"):
        target = getattr(target, question["method"])
    arguments = [decode(argument, arrays) for argument in question["arguments"]]
    before = [argument.copy() if isinstance(argument, np.ndarray) else None for argument in arguments]
    result = target(*arguments)
    return {
        "result": encode(result, reply_arrays, describe),
        "recorded": [
            None if argument.shape is None else list(argument.shape)
            for argument in arguments
            if isinstance(argument, Recorder)
        ],
        "changed": [
            place
            for place, (argument, copy) in enumerate(zip(arguments, before, strict=True))
            if copy is not None and not is_still(argument, copy)
        ],
    }


def _first_line(error) -> str:
    try:
        return re.sub(r"\s+", " ", (str(error).strip().splitlines() or [""])[0])[:300]
    except Exception:  # noqa: BLE001
        return ""
