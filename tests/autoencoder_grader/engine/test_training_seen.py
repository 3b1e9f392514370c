"""The words on how far a training is come from a folder that a learner's code can write to meanwhile."""

import os
import zipfile

import numpy as np
import pytest
from autoencoder_grader.engine.training_seen import training_of


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    return folder


def test_it_says_how_many_epochs_are_trained(tmp_path, weights):
    np.savez(weights / "dense.npz", history_loss=np.zeros(7), weight_000=np.zeros((3, 3)))
    assert training_of(tmp_path, 0) == "dense: 7 epochs trained"
    assert training_of(tmp_path, 2**40) == ""


@pytest.mark.skipif(os.name != "posix", reason="no FIFOs")
def test_it_waits_for_nothing_and_follows_no_link(tmp_path, weights):
    os.mkfifo(weights / "a.npz")
    assert training_of(tmp_path, 0) == ""
    (weights / "a.npz").unlink()
    (weights / "b.npz").symlink_to("/dev/zero")
    assert training_of(tmp_path, 0) == ""
    (tmp_path / "elsewhere").mkdir()
    np.savez(tmp_path / "elsewhere" / "secret.npz", history_loss=np.zeros(1))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "weights").symlink_to(tmp_path / "elsewhere")
    assert training_of(tmp_path / "home", 0) == ""


def test_it_unpacks_nothing(tmp_path, weights):
    with zipfile.ZipFile(weights / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("history_loss.npy", bytes(64 << 20))
    assert training_of(tmp_path, 0).startswith("bomb: 8388")  # counted by its size, unread
    (weights / "bomb.npz").write_bytes(b"PK")
    assert training_of(tmp_path, 0) == ""


def test_it_reads_no_long_list_of_files(tmp_path, weights):
    with zipfile.ZipFile(weights / "list.npz", "w") as archive:
        archive.writestr("history_loss.npy", bytes(200))
        for number in range(1200):
            archive.writestr(f"{number}.npy", b"")
    assert training_of(tmp_path, 0) == ""


def test_a_name_is_a_word_and_no_line_that_could_be_one_of_ours(tmp_path, weights):
    np.savez(weights / "x\n✓ ben graded: all is well\x1b[2J\u202e.npz", history_loss=np.zeros(1))
    assert training_of(tmp_path, 0) == "x_ben_graded_all_is_well_2J_: 1 epochs trained"
