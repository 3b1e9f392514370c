"""The example in docs/how-grading-works.md, followed: its rule gives points in the notebook and in grading."""

import re
from pathlib import Path

import numpy as np
import pytest
from autoencoder_helpers.checks import rule as rules
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.rule import describe, rule

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "how-grading-works.md"


@pytest.fixture
def example(monkeypatch):
    """The rule of the document, as it stands there."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "@rule(" in block]
    lines = [line[3:] if line.startswith("   ") else line for line in code.splitlines()]
    monkeypatch.setattr(rules, "_CATALOGUE", dict(rules._CATALOGUE))
    names = {"rule": rule, "Function": Function, "call": call, "describe": describe, "np": np, "__name__": __name__}
    exec(compile("\n".join(lines), str(DOCUMENT), "exec"), names)
    assert "dense.shrink" in rules.registered_rules()


def test_a_right_answer_gets_all_points_in_both_places(graded, example):
    seen, given = graded("dense.shrink", lambda x: x / 2)
    assert seen.points == given.points == 1


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [(lambda x: x, "not-halved"), (lambda x: x[:1] / 2, "not-halved"), (lambda x: 1 / 0, "raises")],
)
def test_a_wrong_answer_gets_none_and_its_reason(graded, example, wrong, mistake):
    seen, given = graded("dense.shrink", wrong)
    assert seen.points == given.points == 0
    assert seen.failures[0].mistake == given.failures[0].mistake == mistake


def test_what_is_not_written_yet_gets_none(graded, example):
    def shrink(x):
        raise NotImplementedError("Halve every number")

    seen, given = graded("dense.shrink", shrink)
    assert seen.points == given.points == 0
