"""The scoring process as the grader sees it: it starts, it scores, its failures are nobody's wrong answer."""

import functools
import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from autoencoder_grader.kernels import sandbox, workplace
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.workplace import Workplace
from autoencoder_grader.nbgrader_steps import scoring_here
from autoencoder_grader.scoring import process
from autoencoder_grader.scoring.process import (
    DataMissing,
    ScoringFailed,
    ScoringProcess,
    TooMuchToScore,
    scoring_process,
)
from autoencoder_helpers import check
from autoencoder_helpers.checks.result import CheckResult
from autoencoder_helpers.evidence.messages import ASKED_FOR, ENVIRONMENT, pack
from autoencoder_helpers.images.flower_photos import public_photos_at_hand
from sandboxes import needs_sandbox

BETA = 0.0012
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs signals, links and FIFOs")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder, empty but for what the scoring process writes there."""
    return tmp_path_factory.mktemp("course")


@pytest.fixture
def mailbox(tmp_path, start):
    """A mailbox as a workplace makes it."""
    server = start.args[0] if start is not process.start_anew else None
    with Workplace(tmp_path, sandbox.BUBBLEWRAP if server else "", server) as place:
        yield place.mailbox


@pytest.fixture(
    scope="module",
    autouse=True,
    params=["anew", pytest.param("forked", marks=needs_sandbox)],
)
def start(request, tmp_path_factory):
    """Each way to start it, for all tests."""
    if request.param == "anew":
        yield process.start_anew
    else:
        server = ForkServer([], *workplace.seen_by_all(), tmp_path_factory.mktemp("log") / "kernels.log")
        yield functools.partial(scoring_here.start_forked, server)
        server.close()
    process._close_all()


@pytest.fixture
def running(course, start):
    """The scoring process of the course, the same for all tests, unless one of them has ended it."""
    return scoring_process(course, log=course / "logs" / "scoring.log", start=start)


def hand_in(monkeypatch, mailbox, name, *answers, ticket="1"):
    """What a learner's cell does in grading."""
    monkeypatch.setenv(ENVIRONMENT, str(mailbox))
    (mailbox / "questions" / ASKED_FOR).write_text(json.dumps({"check": name, "ticket": ticket}))
    return check(name, *answers)


def scored(running, mailbox, name, data, ticket="1"):
    """What the process gives for evidence that lies there before the cell begins."""
    (mailbox / "answers" / f"{ticket}-evidence").write_bytes(data)
    running.listen(name, mailbox, ticket)
    return running.collect()[0]


def test_a_right_answer_is_scored(running, mailbox, monkeypatch):
    running.listen("conv.sides", mailbox, "1")
    after_conv, after_pool = (lambda n, k, p: n if p == "same" else n - k + 1), (lambda n: (n + 1) // 2)
    hand_in(monkeypatch, mailbox, "conv.sides", after_conv, after_pool)
    (result,) = running.collect()
    monkeypatch.delenv(ENVIRONMENT)
    seen = check("conv.sides", after_conv, after_pool)
    assert result.passed and result.points == seen.points
    assert [step.title for step in result.steps] == [step.title for step in seen.steps]


def test_a_wrong_answer_is_scored_with_its_reason(running, mailbox, monkeypatch):
    running.listen("flowers.beta", mailbox, "1")
    hand_in(monkeypatch, mailbox, "flowers.beta", 0.0006)
    (result,) = running.collect()
    assert result.points == 0 and result.failures[0].mistake == "counted-once"


def test_without_evidence_there_is_no_result(running, mailbox):
    running.listen("flowers.beta", mailbox, "1")
    assert running.collect() is None


def test_a_result_comes_only_after_the_cell_has_ended(running, mailbox, monkeypatch):
    running.listen("flowers.beta", mailbox, "1")
    hand_in(monkeypatch, mailbox, "flowers.beta", BETA)
    time.sleep(0.1)
    assert running._heard.empty()
    assert running.collect()[0].passed


def test_evidence_under_another_ticket_does_not_count(running, mailbox, monkeypatch):
    sender = threading.Thread(
        target=hand_in,
        args=(monkeypatch, mailbox, "flowers.beta", BETA),
        kwargs={"ticket": "old"},
        daemon=True,
    )
    sender.start()
    running.listen("flowers.beta", mailbox, "new")
    time.sleep(0.1)
    assert running.collect() is None
    (mailbox / "questions" / "old-0000").write_bytes(pack({"ask": "no more"}))
    sender.join(20)


def _written(kind, path):
    if kind == "folder":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    else:
        path.write_bytes(kind)


@posix_only
@pytest.mark.parametrize(
    "kind",
    [
        "folder", "FIFO", "link", b"", b"no message", pack([]), pack({"check": "flowers.beta"}),
        pack({"check": "flowers.beta", "answers": {"beta": {"value": {"array": 5}}}}),
        pack({"check": "flowers.beta", "answers": {"beta": {"rows": {"shape": [1], "dtype": []}}}}),
        pack({"check": "flowers.beta", "answers": {"beta": {"value": {"list": 0}}}}, [np.zeros(())]),
        pack({"check": "conv.sides", "answers": {"beta": {"value": 0.0012}}}),
        pack({"check": "flowers.beta", "answers": {"beta": {"value": 0.0012}, "more": {"value": 1}}}),
        pack({"check": "flowers.beta", "answers": {"beta": {"function": "f"}}}),
    ],
    ids=lambda kind: kind if isinstance(kind, str) else str(len(kind)),
)  # fmt: skip
def test_what_is_no_evidence_gets_no_points_and_the_process_lives_on(running, mailbox, kind):
    _written(kind, mailbox / "answers" / "1-evidence")
    running.listen("flowers.beta", mailbox, "1")
    (result,) = running.collect()
    assert result.points == 0 and result.failures[0].mistake == "evidence-refused"
    assert running.alive


def test_a_function_that_nobody_answers_for_gets_no_points(running, mailbox):
    evidence = {"after_conv": {"function": "f"}, "after_pool": {"function": "g"}}
    result = scored(running, mailbox, "conv.sides", pack({"check": "conv.sides", "answers": evidence}))
    assert result.points == 0 and running.alive


@posix_only
def test_a_killed_process_is_nobodys_wrong_answer_and_the_next_call_starts_another(running, mailbox, course, start):
    running.listen("flowers.beta", mailbox, "1")
    os.kill(running.pid, signal.SIGKILL)
    with pytest.raises(ScoringFailed, match="has ended; run the grading again"):
        running.collect()
    assert not running.alive
    with pytest.raises(ScoringFailed):
        running.listen("flowers.beta", mailbox, "2")

    another = scoring_process(course, start=start)
    assert another is not running
    another.listen("flowers.beta", mailbox, "3")
    assert another.collect() is None


def test_an_answer_for_another_check_is_never_taken(running, mailbox, monkeypatch):
    """As after Ctrl-C between listen and collect in a program that lives on."""
    hand_in_first = threading.Thread(target=hand_in, args=(monkeypatch, mailbox, "flowers.beta", BETA))
    running.listen("flowers.beta", mailbox, "1")
    hand_in_first.start()
    hand_in_first.join(30)
    running.listen("conv.sides", mailbox, "2")
    with pytest.raises(ScoringFailed, match="another check"):
        running.collect()
    assert not running.alive


@posix_only
def test_a_process_that_does_not_answer_is_given_up(course, mailbox, monkeypatch, start):
    running = scoring_process(course, start=start)
    running.listen("flowers.beta", mailbox, "1")
    monkeypatch.setattr(process, "_RESULT_SECONDS", 0.1)
    os.kill(running.pid, signal.SIGSTOP)
    with pytest.raises(ScoringFailed, match="did not answer within 0 s"):
        running.collect()
    assert not running.alive


@posix_only
def test_answers_that_take_too_much_computation_are_their_own_limit_and_end_the_process(
    course, mailbox, monkeypatch, start
):
    running = scoring_process(course, start=start)
    running.listen("flowers.beta", mailbox, "1")
    monkeypatch.setattr(process, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(process, "MOST_PROCESSOR_SECONDS", -1.0)
    os.kill(running.pid, signal.SIGSTOP)
    with pytest.raises(TooMuchToScore):
        running.collect()
    assert not running.alive and scoring_process(course, start=start).alive


@posix_only
def test_a_busy_machine_is_not_taken_for_much_computation(course, mailbox, monkeypatch, start):
    running = scoring_process(course, start=start)
    running.listen("flowers.beta", mailbox, "1")
    monkeypatch.setattr(process, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(process, "_RESULT_SECONDS", 0.3)
    os.kill(running.pid, signal.SIGSTOP)
    with pytest.raises(ScoringFailed, match="did not answer"):
        running.collect()


def test_a_process_that_cannot_start_says_where_to_look(course, tmp_path, mailbox, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('no Python today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ScoringFailed, match=str(tmp_path / "log")):
        ScoringProcess(course, log=tmp_path / "log").listen("flowers.beta", mailbox, "1")
    assert "no Python today" in (tmp_path / "log").read_text()


def test_a_secret_that_cannot_be_read_is_said(tmp_path, start):
    (tmp_path / ".grading").write_text("a file where the secret's folder should be")
    with pytest.raises(ScoringFailed, match=r"\.grading.*cannot be read or written"):
        ScoringProcess(tmp_path, log=tmp_path / "log", start=start)


def test_data_that_cannot_be_had_are_nobodys_wrong_answer_and_the_process_goes_on(running, mailbox, monkeypatch):
    import tf_keras as keras

    if public_photos_at_hand(80):
        pytest.skip("the public photos are at hand here, so nothing is missing")
    monkeypatch.setattr("autoencoder_helpers.checks.run_rule", lambda *_, **__: CheckResult("x", "x", 1, 1))
    vae = keras.Sequential([keras.Input((80, 80, 3)), keras.layers.Activation("sigmoid")])
    running.listen("flowers.trained", mailbox, "1")
    hand_in(monkeypatch, mailbox, "flowers.trained", vae, "photos")
    with pytest.raises(DataMissing, match="photos"):
        running.collect()
    monkeypatch.undo()
    running.listen("flowers.beta", mailbox, "2")
    hand_in(monkeypatch, mailbox, "flowers.beta", BETA, ticket="2")
    assert running.collect()[0].passed
