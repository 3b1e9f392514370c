"""A training in grading, while cells that only show are left out: loaded as always, or not begun."""

import pytest
from autoencoder_helpers.evidence.messages import ENVIRONMENT, NOT_WHOLE, TRAINS
from autoencoder_helpers.training.grading import RunWhole
from small_trainings import IMAGES, network, run


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


def test_a_full_training_by_its_own_recipe_is_taken_as_it_is(mailbox, monkeypatch):
    def short(epochs=2, **options):
        return run(network(optimizer="adam"), epochs=epochs, batch_size=16, **options)

    monkeypatch.delenv(ENVIRONMENT)
    full = network(optimizer="rmsprop")
    run(full, epochs=5, batch_size=8)
    monkeypatch.setenv(ENVIRONMENT, str(mailbox))
    (mailbox / "questions" / NOT_WHOLE).touch()
    taken = network(optimizer="adam")
    found = run(taken, epochs=2, batch_size=16)
    assert (found.trained, found.epochs) == (0, 5)
    for there, here in zip(full.get_weights(), taken.get_weights(), strict=True):
        assert (there == here).all()
    with pytest.raises(RunWhole):
        short(epochs=6)  # it would have to go on, and cannot by another recipe
    with pytest.raises(RunWhole):
        short(x=1 - IMAGES)


def test_a_learners_own_kernel_trains_what_another_recipe_has_trained(mailbox, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT)
    run(network(optimizer="rmsprop"), epochs=5)
    assert run(network(optimizer="adam"), epochs=2).trained == 2
