"""The file of a training: plain arrays, whole or not there, and whatever else lies in its place is told from it."""

import json
import os

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
from autoencoder_helpers.training import running, store
from autoencoder_helpers.training.running import load_weights
from small_trainings import network, run


def test_the_file_is_plain_arrays_and_holds_state_and_history(own_folder):
    model = network()
    run(model, epochs=2)
    with np.load("weights/net.npz", allow_pickle=False) as file:
        assert file["history_loss"].shape == (2,)
        assert json.loads(str(file["facts"]))["batch_size"] == 16
        weights = [file[key] for key in sorted(file.files) if key.startswith("weight_")]
        state = [file[key] for key in sorted(file.files) if key.startswith("optimizer_")]
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    counters = [int(array) for array in state if array.shape == () and array.dtype.kind == "i"]
    assert 6 in counters, "the optimizer's step counter: 2 epochs of 3 batches"


def test_killed_while_writing_leaves_the_old_file(monkeypatch):
    run(epochs=1)
    before = open("weights/net.npz", "rb").read()
    monkeypatch.setattr(store.os, "replace", lambda *a: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        run(epochs=2)
    assert open("weights/net.npz", "rb").read() == before
    assert os.listdir("weights") == ["net.npz"]


def rewrite(**changes):
    """The stored file with some arrays replaced (None: left out)."""
    with np.load("weights/net.npz") as file:
        arrays = {**{key: file[key] for key in file.files}, **changes}
    np.savez("weights/net.npz", **{key: value for key, value in arrays.items() if value is not None})


DAMAGES = {
    "truncated": lambda: os.truncate("weights/net.npz", 700),
    "empty": lambda: os.truncate("weights/net.npz", 0),
    "text": lambda: open("weights/net.npz", "w").write("not a zip"),
    "pickled": lambda: rewrite(weight_000=np.array([{"a": 1}], dtype=object)),
    "pickled facts": lambda: rewrite(facts=np.array([{"a": 1}], dtype=object)),
    "wrong dtype": lambda: rewrite(weight_000=np.zeros((12, 5))),
    "wrong shape": lambda: rewrite(weight_000=np.zeros((5, 12), np.float32)),
    "nan": lambda: rewrite(weight_000=np.full((12, 5), np.nan, np.float32)),
    "optimizer nan": lambda: rewrite(optimizer_002=np.full((12, 5), np.inf, np.float32)),
    "missing weight": lambda: rewrite(weight_001=None),
    "missing facts": lambda: rewrite(facts=None),
    "no json": lambda: rewrite(facts=np.array("{")),
    "facts half": lambda: rewrite(facts=np.array('{"format": 1, "architecture": [[]]}')),
    "facts of another kind": lambda: rewrite(facts=np.array("[1, 2]")),
    "history missing": lambda: rewrite(history_loss=None),
    "history of text": lambda: rewrite(history_loss=np.array(["a", "b"])),
    "larger than announced": lambda: rewrite(weight_000=np.zeros((12, 5000), np.float32)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_gets_one_line_and_a_new_training(damage, capsys):
    run()
    damage()
    assert load_weights(network(), "net") in (True, False)
    capsys.readouterr()
    assert run().trained == 2
    said = [line for line in capsys.readouterr().out.splitlines() if "training anew" in line]
    assert len(said) == 1 and "damaged" in said[0]
    assert run().trained == 0


def test_flipped_bytes_never_raise():
    run(epochs=1)
    whole = open("weights/net.npz", "rb").read()
    model = network()
    optimizer = running._optimizer_variables(model)
    rng, failures = np.random.default_rng(1), 0
    for _ in range(200):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            broken[place] ^= int(rng.integers(1, 256))
        open("weights/net.npz", "wb").write(broken)
        try:
            store.read(store.path_of("net", "weights"), model.weights, optimizer)
        except store.Damaged:
            failures += 1
    assert failures > 100, "the zip's checksums see most flips"


def test_file_of_code_runs_nothing(own_folder):
    run(epochs=1)

    class Bomb:
        def __reduce__(self):
            return os.mkdir, ("exploded",)

    rewrite(weight_000=np.array([Bomb()], dtype=object))
    assert run(epochs=1).trained == 1 and not load_weights(network(width=9), "net")
    assert not (own_folder / "exploded").exists()


def test_folder_that_cannot_be_written_costs_a_line_not_the_training(own_folder, capfd):
    (own_folder / "weights").write_text("a file where the folder should be")
    result = run()
    assert result.trained == 2 and result.path is None
    out, err = capfd.readouterr()
    assert err == ""
    assert len([line for line in out.splitlines() if "cannot be written" in line]) == 1 and "not saved" in out


def test_disk_that_fills_up_keeps_the_last_whole_epoch(monkeypatch, capsys):
    real, calls = store.np.savez, []

    def full(*args, **kwargs):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(store.np, "savez", full)
        assert run(epochs=3).epochs == 3
    assert "No space left on device" in capsys.readouterr().out and len(calls) == 2
    assert run(epochs=3).trained == 2
