"""How far the reading of a class is, shown at a terminal and nowhere else."""

import os
import subprocess
import sys

import pytest

CODE = "from autoencoder_grader.results.watching import watched; print(sum(watched(range(5), 'reading')))"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_for_terminals_and_what_is_printed_stays_alone(terminal):
    variables = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    variables |= {"TTY_COMPATIBLE": "1" if terminal else "0", "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=variables, check=True)
    assert done.stdout == "10\n"
    assert ("reading" in done.stderr) is terminal
    assert terminal or not done.stderr
