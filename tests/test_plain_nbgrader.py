"""`nbgrader autograde` from a shell gives the scores that our command gives, on submissions of every kind.

AUTOENCODER_FAULTS=long compares all of MIXED, which takes five minutes; else those of FEW are.
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.validity.corpus import read_cases
from autoencoder_grader.validity.report import CORPUS, lay_out
from nbgrader.api import MissingEntry
from rich.console import Console

REPOSITORY = Path(__file__).resolve().parents[1]
MIXED = (
    "right-1-functional",
    "right-1-mixed-float16",
    "right-2-solution",
    "right-2-noisy-functions",
    "right-3-solution",
    "right-3-two-heads",
    "right-4-residual-network",
    "wrong-1-two-mistakes",
    "wrong-1-untouched",
    "wrong-2-decoder-no-sigmoid",
    "wrong-2-sides-off-by-one",
    "wrong-3-encoder-no-kl",
    "wrong-4-walk-fade",
    "dishonest-1-replaced-check",
    "dishonest-1-trailing-numbers",
    "dishonest-2-constant-functions",
    "dishonest-4-forged-beta",
    "broken-1-test-cells-deleted",
    "broken-1-kill-itself",
    "broken-4-walk-dies",
)
FEW = (
    "right-2-noisy-functions",
    "wrong-1-two-mistakes",
    "dishonest-1-trailing-numbers",
    "broken-1-test-cells-deleted",
    "broken-1-kill-itself",
)


@pytest.fixture(scope="module")
def cases():
    if not sandbox.available():
        pytest.skip("no sandbox for the dishonest submissions (Debian: apt-get install bubblewrap)")
    found = {case.name: case for case in read_cases(REPOSITORY / CORPUS)}
    return [found[name] for name in (MIXED if os.environ.get("AUTOENCODER_FAULTS") == "long" else FEW)]


def scores_in(folder, cases):
    """(case, cell) -> (automatic score, whether a person has to look)."""
    scores = {}
    with open_api(folder).gradebook as gradebook:
        for case in cases:
            try:
                notebook = gradebook.find_submission_notebook(case.assignment, case.assignment, case.name)
            except MissingEntry:
                continue
            scores |= {
                (case.name, entry.name): (entry.auto_score, entry.needs_manual_grade) for entry in notebook.grades
            }
    return scores


def test_both_give_the_same_scores(cases, tmp_path):
    ours, plain = tmp_path / "ours", tmp_path / "plain"
    for folder in (ours, plain):
        lay_out(REPOSITORY, folder, cases)
    secret = Path(".grading", "secret")  # the same private images for both
    report = grade(ours, console=Console(file=io.StringIO()))
    assert not report.problems and not report.faults
    (plain / secret).parent.mkdir()
    (plain / secret).write_bytes((ours / secret).read_bytes())
    program = Path(sys.executable).with_name("nbgrader")
    for assignment in sorted({case.assignment for case in cases}):
        for command in (["generate_assignment", "--force", assignment], ["autograde", assignment]):
            done = subprocess.run(
                [program, *command], cwd=plain, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
            )
            assert done.returncode == 0, done.stderr[-3000:]
    found = scores_in(ours, cases)
    assert len({name for name, _ in found}) == len(cases)
    assert scores_in(plain, cases) == found
