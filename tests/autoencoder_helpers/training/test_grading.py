"""A training in grading, while cells that only show are left out: loaded as always, or not begun."""

import pytest
from autoencoder_helpers.evidence.messages import ENVIRONMENT, NOT_WHOLE, TRAINS
from autoencoder_helpers.training.grading import RunWhole
from small_trainings import network, run


@pytest.fixture
def mailbox(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("questions", "answers"):
        (tmp_path / "mailbox" / name).mkdir(parents=True)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "mailbox"))
    return tmp_path / "mailbox"


def test_what_has_no_weights_is_not_trained_and_no_except_hides_it(mailbox):
    (mailbox / "questions" / NOT_WHOLE).touch()
    with pytest.raises(RunWhole):
        try:
            run(epochs=1)
        except Exception:  # noqa: BLE001 - as a learner may write
            pytest.fail("a learner's except must not catch it")
    assert (mailbox / "answers" / TRAINS).exists()
    assert not list(mailbox.parent.glob("weights/*"))


def test_what_has_weights_is_loaded_and_a_whole_run_trains(mailbox):
    assert run(epochs=1).trained == 1
    (mailbox / "questions" / NOT_WHOLE).touch()
    assert run(epochs=1).trained == 0
    with pytest.raises(RunWhole):
        run(network(width=4), epochs=1)
    assert (mailbox / "answers" / TRAINS).exists()
