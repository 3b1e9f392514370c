"""A learner's side and a grader's side in one process, joined by a mailbox as in grading."""

import json
import threading
import time

import pytest
from autoencoder_grader.scoring.scorer import score
from autoencoder_helpers import check, checks
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.checks.result import CheckResult, StepResult
from autoencoder_helpers.evidence.messages import ASKED_FOR, ENVIRONMENT, Mailbox

#: Some check's result that has cost points.
MISTAKEN = CheckResult("some", "", 0.0, 1.0, (StepResult("", True, 0.0, 0.0), StepResult("", False, 0.0, 1.0)))


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """A function like `check` that returns (what the learner saw, what the grader gives or None)."""
    learner_folder = tmp_path / "mailbox"
    for name in ("questions", "answers"):
        (learner_folder / name).mkdir(parents=True)
    monkeypatch.setenv(ENVIRONMENT, str(learner_folder))
    tickets = iter(range(1, 1000))

    def run(name, *answers, data=None, charged=()):
        checks._RESULTS.clear()
        checks._RESULTS.update(dict.fromkeys(charged, MISTAKEN))
        ticket = str(next(tickets))
        asked = json.dumps({"check": name, "ticket": ticket})
        (learner_folder / "questions" / ASKED_FOR).write_text(asked)
        found, ended = [], threading.Event()

        def grade():
            box = Mailbox(learner_folder / "answers", learner_folder / "questions")
            while f"{ticket}-evidence" not in box.names():
                if ended.is_set():
                    return
                time.sleep(0.002)
            found.extend(score(box, ticket, name, data or PublicData(), ended.is_set, charged=charged))

        grader = threading.Thread(target=grade)
        grader.start()
        handed = check(name, *answers)
        ended.set()
        grader.join(60)
        if found:
            assert handed.points == 0  # where answers are handed over the rule does not run as well
        with monkeypatch.context() as notebook:
            notebook.delenv(ENVIRONMENT)
            seen = check(name, *answers)
        return seen, found[0] if found else None

    return run
