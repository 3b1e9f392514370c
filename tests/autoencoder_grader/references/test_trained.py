"""The trained weights that the course carries: how they are made, and that they are what the reference values say."""

import ast
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from autoencoder_grader.references import command as references
from autoencoder_grader.references import measuring, networks, trained
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference.values import reference
from autoencoder_helpers.training import store
from autoencoder_helpers.training.running import load_weights
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook

REPOSITORY = Path(__file__).resolve().parents[3]
SOLUTIONS = sorted((REPOSITORY / "solutions").glob("*/[0-9]*.ipynb"))
TRAINS = """
import numpy as np
from autoencoder_helpers import choose_epochs, train
import tf_keras as keras
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.layers.Dense(3, input_shape=(5,)), keras.layers.Dense(5)])
model.compile(loss="mse", optimizer="adam")
x = np.random.default_rng(2).random((20, 5)).astype("float32")
training = train(model, x, epochs=choose_epochs(default=2, full=3), batch_size=5, name="net", seed=3)
"""


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda path: path.stem)
def test_every_training_of_a_solution_has_its_weights(solution):
    names = set()
    for cell in nbformat.read(solution, as_version=4).cells:
        if cell.cell_type == "code":
            for call in ast.walk(ast.parse(cell.source)):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "train":
                    (name,) = (word.value for word in call.keywords if word.arg == "name")
                    names.add(re.sub(r"\{\w+\}", r"\\w+", ast.unparse(name)).removeprefix("f").strip("'"))
    stems = [path.stem for path in trained.trained_weights(solution.stem)]
    assert names
    assert all(any(re.fullmatch(name, stem) for stem in stems) for name in names), (names, stems)
    assert all(any(re.fullmatch(name, stem) for name in names) for stem in stems), (names, stems)


@pytest.mark.parametrize(
    "chapter, training, key",
    [
        ("dense", "dense_autoencoder", "bce_per_pixel"),
        ("conv", "conv_ae", "bce_per_pixel"),
        ("vae", "vae", "R_plus_K"),
        ("flowers", "flower_vae", "R_plus_K"),
        ("cells", "cells_vae", "R_plus_K"),
    ],
)
def test_they_reach_the_loss_that_was_measured(chapter, training, key):
    """As near to the mean over the seeds as one more seed may be."""
    source, name = {"flowers": ("synthetic", "flowers.synthetic"), "cells": ("cells", "cells.trained")}.get(
        chapter, ("mnist", f"{chapter}.trained")
    )
    run = measuring.Run(chapter, "right", networks.SEEDS[chapter], networks.DEFAULT_EPOCHS[chapter], source)
    solution = SOLUTIONS[references.CHAPTERS.index(chapter)].stem
    encoder, decoder, whole = measuring.build(run)
    assert load_weights(whole, training, trained.FOLDER / solution)
    found = measuring.test_losses(run, encoder, decoder, measuring.load_data(run))[key]
    measured = reference(name)["also"][key]
    assert abs(found - measured["mean"]) <= 3 * measured["standard_deviation"]
    (path,) = (path for path in trained.trained_weights(solution) if path.stem == training)
    assert store.read(path, whole.weights).epochs == run.epochs


def test_a_weight_keeps_as_many_bits_as_half_precision_has():
    rng = np.random.default_rng(1)
    array = (rng.normal(size=(50, 40)) * 10.0 ** rng.integers(-6, 3, (50, 40))).astype(np.float32)
    array[0, :3] = 0, 1, -2.5
    short = trained.rounded(array)
    assert short.dtype == np.float32 and short.shape == array.shape
    assert np.abs(short / np.where(array == 0, 1, array) - (array != 0)).max() <= 2**-11
    assert not (short.view(np.uint32) & 0x1FFF).any()
    assert (short[0, :3] == [0, 1, -2.5]).all()
    steps = np.array([7, 8])
    assert trained.rounded(steps) is steps


@pytest.fixture
def solution(tmp_path):
    def make(*sources):
        path = tmp_path / "01_tiny.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
        return path

    return make


def test_a_learner_who_has_them_trains_nothing(solution, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")  # of somebody's shell
    folder, told = tmp_path / "made", []
    folder.mkdir()
    (folder / "of_before.npz").touch()
    path = solution(TRAINS)
    assert trained.make_trained_weights(path, folder, lambda *where: told.append(where)) == [folder / "net.npz"]
    assert [file.name for file in folder.iterdir()] == ["net.npz"]
    assert told == [(0, 1)]
    assert os.environ["AUTOENCODER_EPOCHS"] == "full"

    monkeypatch.delenv("AUTOENCODER_EPOCHS")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").symlink_to(folder)
    here = {}
    exec(TRAINS, here)
    assert here["training"].trained == 0 and here["training"].epochs == 2
    for weight in here["model"].get_weights():
        assert (trained.rounded(weight) == weight).all()

    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    exec(TRAINS, here)
    assert here["training"].trained == 1
    optimizer = here["model"].optimizer
    assert optimizer.iterations.numpy() == 3 * 4 and optimizer.learning_rate.numpy() == np.float32(0.001)


def test_a_solution_that_fails_or_trains_nothing_leaves_what_there_was(solution, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "of_before.npz").touch()
    for source, words in (("1 / 0", "ZeroDivisionError"), ("1", "trains nothing")):
        with pytest.raises(CourseError, match=words):
            trained.make_trained_weights(solution(source), folder, lambda *where: None)
    assert (folder / "of_before.npz").exists()


def test_the_command_trains_those_of_a_chapter(monkeypatch, tmp_path):
    made = []

    def make(path, folder, on_cell):
        on_cell(0, 1)
        made.append((path, folder))
        return [folder / "net.npz"]

    monkeypatch.setattr(trained, "make_trained_weights", make)
    result = CliRunner().invoke(references.command, ["--weights", "--chapter", "conv", "--folder", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert made == [(SOLUTIONS[1], trained.FOLDER / SOLUTIONS[1].stem)]
    assert "(net)" in result.output
