"""A few cases of the corpus, graded through the whole pipeline: each check gets exactly its points.

`make validity` grades all of them.
"""

from pathlib import Path

import pytest
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.validity.corpus import KINDS, read_cases
from autoencoder_grader.validity.report import CORPUS, run_validity

REPOSITORY = Path(__file__).resolve().parents[1]
FEW = (
    "right-1-functional",
    "right-3-noisy-functions",
    "wrong-1-untouched",
    "dishonest-1-replaced-hand-over",
    "dishonest-1-reading-course",
    "broken-1-test-cells-deleted",
    "broken-1-not-json",
    "broken-1-kill-itself",
)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """(verdicts on all checks of the cases, complaints about statuses), on two secret seeds."""
    if not sandbox.available():
        pytest.skip("no sandbox for the dishonest submissions (Debian: apt-get install bubblewrap)")
    return run_validity(REPOSITORY, tmp_path_factory.mktemp("validity"), FEW, more_seeds=1)


def test_no_check_gets_other_points(verdicts):
    lines = [f"{verdict.case} {verdict.check}: {verdict.fault}" for verdict in verdicts[0] if verdict.fault]
    assert not lines, "\n".join(lines)


def test_every_case_ends_in_its_status_with_its_line(verdicts):
    assert not verdicts[1], "\n".join(verdicts[1])


def test_the_whole_corpus_can_be_read_and_is_as_large_as_it_should_be():
    cases = read_cases(REPOSITORY / CORPUS)
    count = {kind: sum(case.kind == kind for case in cases) for kind in KINDS}
    assert all(count[kind] >= least for kind, least in zip(KINDS, (60, 80, 80, 40), strict=True)), count
    for case in cases:
        assert case.expected(), case.name
