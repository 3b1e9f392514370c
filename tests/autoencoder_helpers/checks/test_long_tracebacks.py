"""An endless recursion costs a learner no half minute: its error shows the first and the last calls."""

import json
import re
import subprocess
import sys

import pytest

SESSION = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before, cell = json.loads(sys.argv[1])
shell.run_cell(before)
import autoencoder_helpers
autoencoder_helpers.check
said = io.StringIO()
with contextlib.redirect_stdout(said):
    result = shell.run_cell(cell)
print(json.dumps([type(result.error_in_exec).__name__, str(result.error_in_exec), said.getvalue()]))
"""
ENDLESS = "def one(x):\n    return two(x)\n\n\ndef two(x):\n    return one(x)\n\n\n"


def error_of(cell, before=""):
    """(type, text, what is shown) of the error that a cell ends in, in a session of its own."""
    command = [sys.executable, "-c", SESSION, json.dumps([before, cell])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kind, text, shown = json.loads(done.stdout.splitlines()[-1])
    return kind, text, re.sub(r"\x1b\[[\d;]*m", "", shown)


@pytest.mark.parametrize(
    "call", ["one(3)", "try:\n    one(3)\nexcept RecursionError:\n    two(3)"], ids=["once", "while another is handled"]
)
def test_an_endless_recursion_shows_its_first_and_last_calls(call):
    kind, text, shown = error_of(ENDLESS + call)
    assert kind == "RecursionError" and "maximum recursion depth" in text and text.splitlines()[0] in shown
    assert "one(3)" in shown and "in one(x)" in shown and "in two(x)" in shown
    assert shown.count("in one(x)") + shown.count("in two(x)") <= 2 * 2 * 8
    assert len(shown.splitlines()) < 300


def test_other_errors_and_somebody_elses_ways_are_left_alone():
    chain = "".join(f"def call_{n}(x):\n    return call_{n + 1}(x)\n\n\n" for n in range(30))
    kind, _, shown = error_of(f"{chain}def call_30(x):\n    return 1 / x\n\n\ncall_0(0)")
    assert kind == "ZeroDivisionError" and all(f"in call_{n}(x)" in shown for n in range(31))
    own = "get_ipython().set_custom_exc((RecursionError,), lambda *a, **k: print('mine'))"
    assert error_of(ENDLESS + "one(3)", own)[2].strip() == "mine"
