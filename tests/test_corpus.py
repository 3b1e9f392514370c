"""The corpus of made-up submissions, graded through the whole pipeline: every check gets exactly its points.

The longest test of all. `autoencoder-course validity NAMES` runs a part of it and shows more.
"""

from pathlib import Path

import pytest
from autoencoder_grader import sandbox
from autoencoder_grader.corpus import KINDS, read_cases
from autoencoder_grader.validity import CORPUS, run_validity

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """(verdicts on all checks of all cases, complaints about statuses), on three secret seeds."""
    if not sandbox.available():
        pytest.skip("no sandbox here: the dishonest submissions need bubblewrap")
    return run_validity(REPOSITORY, tmp_path_factory.mktemp("validity"), more_seeds=2)


@pytest.mark.parametrize("fault", ["false pass", "false fail", "wrong amount"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_check_gets_other_points(verdicts, kind, fault):
    found = [verdict for verdict in verdicts[0] if verdict.kind == kind and verdict.fault == fault]
    lines = [f"{verdict.case} {verdict.check}: {verdict.found}, expected {verdict.expected}" for verdict in found]
    assert not lines, "\n".join(lines)


def test_every_case_ends_in_its_status_with_its_line(verdicts):
    assert not verdicts[1], "\n".join(verdicts[1])


def test_every_case_was_graded(verdicts):
    assert {verdict.case for verdict in verdicts[0]} == {case.name for case in read_cases(REPOSITORY / CORPUS)}
