"""What a training shows while it runs: in a notebook, in a terminal, and where nobody looks."""

from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
from autoencoder_helpers.training import progress
from small_trainings import run


@pytest.fixture
def notebook(monkeypatch):
    """Pretend to be in a kernel and collect what is displayed."""
    import IPython.display

    shown = SimpleNamespace(outputs=[], updates=[])

    def display(bundle, raw, display_id=None):
        shown.outputs.append(bundle)
        return SimpleNamespace(update=lambda new, raw: (shown.updates.append(new), shown.outputs.__setitem__(-1, new)))

    monkeypatch.setattr(progress, "_in_kernel", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def test_notebook_shows_a_bar_and_ends_with_one_line_and_one_picture(notebook, monkeypatch, capfd):
    monkeypatch.setattr(progress, "TEXT_EVERY", 0)
    monkeypatch.setattr(progress, "PICTURE_EVERY", 0)
    run(epochs=3)
    assert len(notebook.outputs) == 1, "one output, redrawn in place"
    middle = notebook.updates[len(notebook.updates) // 2]["text/html"]
    assert "<progress" in middle and "epoch 2 of 3" in middle and "loss 0." in middle and "<img" in middle
    last = notebook.outputs[0]
    assert "<progress" not in last["text/html"] and last["text/html"].count("<img") == 1
    assert 'alt="Loss by epoch: ' in last["text/html"] and last["text/plain"].startswith("net: 3 epochs")
    run(epochs=3)
    assert len(notebook.outputs) == 2 and "already trained" in notebook.outputs[1]["text/plain"]
    assert "<img" in notebook.outputs[1]["text/html"]
    assert capfd.readouterr() == ("", "")


def test_notebook_text_is_not_redrawn_for_every_batch(notebook, monkeypatch):
    monkeypatch.setattr(progress, "TEXT_EVERY", 1000)
    run(epochs=2, batch_size=4)
    assert len(notebook.updates) == 2, "after the first batch, and at the end"


def test_terminal_uses_tqdm_on_stdout(capfd, monkeypatch):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "TEXT_EVERY", 0)
    run(epochs=2)
    out, err = capfd.readouterr()
    assert err == "" and "epoch 2/2, loss" in out and "batch/s" in out
    assert out.rstrip().splitlines()[-1].endswith("net.npz.")


def test_time_left_counts_what_remains(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    bar = progress._Lines("net", 1, 3, "")
    bar.begin(10, {})
    bar.epoch, bar.step = 1, 1
    bar.tick()
    assert bar.time_left() is None
    now[0], bar.step = 105.0, 6
    assert bar.time_left() == pytest.approx(14.0), "5 batches in 5 s, 14 remain of the 2 epochs"


@pytest.mark.parametrize(("seconds", "text"), [(8.4, "8 s"), (125, "2 min 05 s"), (4200, "1 h 10 min")])
def test_duration(seconds, text):
    assert progress.duration(seconds) == text


def test_no_line_joins_the_running_means_of_two_epochs():
    running = [(0.5, 0.9), (1.0, 0.8), (1.25, 0.4), (1.5, 0.3), (2.0, 0.2)]
    assert progress._of_the_present_epoch(running) == running[2:]
    assert progress._of_the_present_epoch([]) == []
