"""choose_epochs: the short training unless the full one is chosen; and what train() says before a full one begins."""

import json
import random

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import choose_epochs
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import ENVIRONMENT
from autoencoder_helpers.guesses import keeping
from autoencoder_helpers.guesses.tally import tally
from autoencoder_helpers.training import choosing, speed
from autoencoder_helpers.training.choosing import FullEpochs
from small_trainings import IMAGES, network, run, variational

EPOCHS = {"default": 2, "full": 4}


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.delenv("AUTOENCODER_EPOCHS", raising=False)
    monkeypatch.setattr(keeping, "_IN_MEMORY", {})


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """As in grading."""
    for name in ("questions", "answers"):
        (tmp_path / "mailbox" / name).mkdir(parents=True)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "mailbox"))


def test_without_a_choice_it_is_the_short_training_and_nothing_is_waited_for(capsys, own_folder):
    assert choose_epochs("conv", **EPOCHS) == 2
    said = capsys.readouterr().out
    assert said.startswith("Which training?\n  ☒ 1 · short: 2 epochs\n  ☐ 2 · full: 4 epochs\n")
    assert "on this machine is measured and said before it begins" in said and 'choice="full"' in said
    assert not list(own_folder.iterdir())


def test_a_choice_is_kept_for_its_chapter_until_there_is_another(capsys, own_folder):
    assert choose_epochs("conv", **EPOCHS, choice="full") == 4
    assert "☒ 2 · full" in capsys.readouterr().out
    assert [path.name for path in own_folder.iterdir()] == ["guesses.json"]
    assert choose_epochs("conv", **EPOCHS) == 4 and isinstance(choose_epochs("conv", **EPOCHS), FullEpochs)
    assert choose_epochs("vae", **EPOCHS) == 2
    assert choose_epochs("conv", **EPOCHS, choice="short") == 2
    assert choose_epochs("conv", **EPOCHS) == 2 and not isinstance(choose_epochs("conv", **EPOCHS), FullEpochs)
    assert tally("conv").startswith("Guesses: none answered.")


def test_what_is_kept_and_is_no_choice_counts_for_nothing(own_folder):
    (own_folder / "guesses.json").write_text(json.dumps({"conv.epochs": {"guess": "all night"}}))
    assert choose_epochs("conv", **EPOCHS) == 2


@pytest.mark.parametrize("choice", ["ful", "", 4, True, []])
def test_another_choice_is_an_error_that_says_what_there_is(choice):
    with pytest.raises(CourseError, match="write 'full' or 'short'"):
        choose_epochs("conv", **EPOCHS, choice=choice)


def test_the_environment_decides_where_nothing_was_chosen(monkeypatch):
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    assert choose_epochs(**EPOCHS) == choose_epochs("conv", **EPOCHS) == 4
    assert choose_epochs("conv", **EPOCHS, choice="short") == 2
    assert choose_epochs("conv", **EPOCHS) == 2
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "default")
    assert choose_epochs(**EPOCHS) == choose_epochs("vae", **EPOCHS) == 2
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "ful")
    with pytest.raises(CourseError, match="'ful'"):
        choose_epochs(**EPOCHS)


def test_where_both_are_the_same_or_no_chapter_is_named_nothing_is_asked(capsys):
    assert choose_epochs("dense", default=5, full=5) == 5 and choose_epochs(**EPOCHS) == 2
    assert choose_epochs(**EPOCHS, choice="full") == 4
    assert capsys.readouterr().out == ""


def test_a_pressed_button_chooses_and_says_to_run_on(monkeypatch, capsys):
    buttons = pytest.importorskip("autoencoder_helpers.guesses.buttons")
    shown = []
    monkeypatch.setattr(choosing, "shows_cards", lambda: True)
    monkeypatch.setattr(choosing, "somebody_is_there", lambda: True)
    monkeypatch.setattr(buttons.Buttons, "display", lambda self, page, plain: shown.append((self, page, plain)))
    assert choose_epochs("conv", **EPOCHS) == 2
    ((row, page, plain),) = shown
    assert [button.description for button in row._buttons] == ["✓ · short: 2 epochs", "2 · full: 4 epochs"]
    assert "Which training?" in page and plain.startswith("Which training?")
    row._buttons[1].click()
    assert (
        "✓ · full: 4 epochs" in row._buttons[1].description
        and "Run all cells from the top once more" in row._line.value
    )
    assert choose_epochs("conv", **EPOCHS) == 4
    row._buttons[0].click()
    assert choose_epochs("conv", **EPOCHS) == 2


def test_grading_looks_at_no_choice_and_says_nothing(graded, capsys, monkeypatch):
    keeping.keep("conv.epochs", "full")
    assert choose_epochs("conv", **EPOCHS, choice="full") == 2
    assert choose_epochs("conv", **EPOCHS, choice="nonsense") == 2
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    epochs = choose_epochs("conv", **EPOCHS)
    assert epochs == 4 and not isinstance(epochs, FullEpochs)
    assert capsys.readouterr() == ("", "")


def test_in_grading_a_full_training_is_taken_as_far_as_it_came(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "seconds_of_steps", lambda model, shape: 0.1)
    run(epochs=FullEpochs(3))
    for name in ("questions", "answers"):
        (tmp_path / "mailbox" / name).mkdir(parents=True)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "mailbox"))
    result = run(epochs=choose_epochs("conv", **EPOCHS, choice="full"))
    assert (result.trained, result.epochs) == (0, 3)


# -------------------------------------------------------------------------------------------------- beforehand


def test_a_full_training_says_beforehand_how_long_it_takes_and_a_short_one_does_not(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(speed, "seconds_of_steps", lambda model, shape: asked.append(shape) or 10.0)
    run(epochs=1)
    assert not asked and "on this machine" not in capsys.readouterr().out
    run(epochs=FullEpochs(4))
    steps = 3 * -(-len(IMAGES) // 16)
    line = next(line for line in capsys.readouterr().out.splitlines() if "on this machine" in line)
    assert line.startswith(f"net: 3 epochs, about {speed._roughly(10.0 * steps)} on this machine")
    assert asked == [(16, *IMAGES.shape[1:])]
    run(epochs=FullEpochs(4))  # finished: nothing to say
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (0.0101, "about 10 s on this machine"),
        (0.1, "about 1 min 40 s on this machine"),
        (0.75, "about 12 min on this machine"),
        (4.2, "about 1 h 10 min on this machine"),
        (None, "how long they take is seen once they have begun"),
    ],
)
def test_the_line_beforehand(each, said):
    line = speed.said_beforehand(None, (), "net", 50, 1000, seconds_of_a_step=lambda model, shape: each)
    assert (
        line.startswith("net: 50 epochs, ")
        and said in line
        and line.endswith("running the cell again goes on after it.")
    )


def test_steps_are_timed_on_this_machine_and_few_of_slow_ones(monkeypatch):
    for each, mean in ((0.01, 0.01), (3.0, 3.0)):
        monkeypatch.setattr(speed.time, "perf_counter", iter(np.arange(0, 100 * each, each)).__next__)
        assert speed.seconds_of_steps(network(), (16, *IMAGES.shape[1:])) == pytest.approx(mean)

    class Own(keras.layers.Dense):
        pass

    own = keras.Sequential([keras.layers.Input((12,)), Own(2)])
    assert speed.seconds_of_steps(own, (16, 12)) is None


def test_timing_changes_neither_results_nor_random_numbers():
    def results(epochs, folder):
        keras.utils.set_random_seed(5)
        model = variational()
        history = run(model, epochs=epochs, folder=folder).history
        drawn = [random.random(), np.random.random(), tf.random.normal((2,)).numpy().tolist()]
        return history, [array.tolist() for array in model.get_weights()], drawn

    assert results(FullEpochs(2), "timed") == results(2, "plain")
