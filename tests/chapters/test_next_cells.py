"""A green card means that the next cells run: the course's own cells, up to the next check, after other right answers.

In one process, on a few images and without training, so that it costs little: each chapter's solution runs once; then
each other answer runs in a copy of its names, with the cells that follow it.
"""

from pathlib import Path
from types import FunctionType, SimpleNamespace

import autoencoder_helpers
import matplotlib
import nbformat
import numpy as np
import pytest
from autoencoder_grader.validity.corpus import CHAPTERS, read_cases
from autoencoder_grader.validity.report import CORPUS
from autoencoder_helpers.training.running import Training

REPOSITORY = Path(__file__).resolve().parents[2]
FEW = 300, 1000  # digits to train with and to test with
FLOWERS = 120

#: Answers that their checks pass, beside those of the corpus: (chapter, cell, its text).
OTHERS = [
    ("1", "scale-images", "x_train, x_test = raw_train / 255, raw_test / 255"),
    ("3", "write-loss", "def reconstruction_loss(images, reconstructions):\n"
     "    return 784 * keras.losses.binary_crossentropy(images, reconstructions)"),
    ("3", "write-loss", "def reconstruction_loss(images, reconstructions):\n"
     "    return 784 * keras.losses.BinaryCrossentropy()(images, reconstructions)"),
    ("3", "choose-weight", "kl_weight = tf.constant(0.5)"),
    ("4", "compute-beta", "beta = np.array([0.0012])"),
]  # fmt: skip


def digits(flatten=False):
    rng = np.random.default_rng(1)
    parts = []
    for count in FEW:
        images = (rng.random((count, 28, 28)) ** 4 * 255).astype("uint8")
        parts.append((images.reshape(count, -1) if flatten else images, np.arange(count, dtype="uint8") % 10))
    return tuple(parts)


def not_trained(model, x, y=None, *, epochs, name, validation_data=None, **settings):
    """What `train` returns, for a training that did not happen."""
    a_few = (x[:8], x[:8] if y is None else y[:8])
    names = list(
        model.evaluate(*a_few, verbose=0, return_dict=True)
    )  # metrics have no names before Keras has used them
    names += [f"val_{each}" for each in names] if validation_data is not None else []
    return Training({each: [0.7] * epochs for each in names}, epochs, name, trained=0)


def asked_once(look, *about, **settings):
    """In place of the explorer's pictures: what they would draw first."""
    sliders = about and isinstance(about[0], dict)
    assert np.isfinite(look(np.zeros((1, len(about[0]) if sliders else 2), "float32"))).all()


def put_in_place(names):
    """What the cell of imports has bound, made small."""

    names["train"] = not_trained
    names["check"] = lambda *answers: None
    names["progress"] = lambda chapter: None
    names["explorer"] = SimpleNamespace(plane=asked_once, sliders=asked_once)
    if "load_mnist" in names:
        names["load_mnist"] = digits
    if "load_flowers" in names:
        names["load_flowers"] = lambda source, count, **settings: autoencoder_helpers.load_flowers(
            source, count=min(count, FLOWERS), **settings
        )


def run(source, cell, names):
    exec(compile(source, cell, "exec"), names)


@pytest.fixture(scope="module")
def chapters():
    """chapter(number): (its code cells, the names that it leaves), run once."""
    before, fallback, found = matplotlib.get_backend(), matplotlib.rcParams["backend_fallback"], {}
    matplotlib.use("agg")

    def chapter(number):
        if number not in found:
            name, _ = CHAPTERS[number]
            notebook = nbformat.read(REPOSITORY / "solutions" / name / f"{name}.ipynb", as_version=4)
            cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
            names = {"__name__": "chapter"}
            for cell in cells:
                run(cell.source, cell.id, names)
                if names.get("train") is autoencoder_helpers.train:  # imported just now
                    put_in_place(names)
            found[number] = cells, names
        return found[number]

    yield chapter
    matplotlib.use(before)
    matplotlib.rcParams["backend_fallback"] = fallback


def copied(names):
    """Names of a chapter of their own: its functions look up these."""
    copies = dict(names)
    for name, value in names.items():
        if isinstance(value, FunctionType) and value.__globals__ is names:
            copies[name] = FunctionType(value.__code__, copies, name, value.__defaults__, value.__closure__)
    return copies


def is_check(cell):
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def following(cells, identity):
    """The cells from one up to its own check, and on to the next check; of exercises in between, the solutions."""
    place = next(number for number, cell in enumerate(cells) if cell.id == identity)
    checks = 0
    for cell in cells[place + 1 :]:
        checks += is_check(cell)
        if checks == 2:
            return
        yield cell


def go_on(chapter, changes):
    """Run changed cells, by id, and after each what follows it."""
    cells, names = chapter
    names = copied(names)
    for identity, source in changes.items():
        run(source, identity, names)
        for cell in following(cells, identity):
            run(changes.get(cell.id, cell.source), cell.id, names)
    return names


def plain_changes(case, cells):
    """The changed answers of a case by cell; empty if it does more to the notebook than that."""
    solved = {cell.id: cell.source for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")}
    changes = {}
    for change in case.facts.get("cells", []):
        cell = change.get("cell")
        if change.keys() - {"cell", "source", "replace", "by"} or cell not in solved:
            return {}
        old = changes.get(cell, solved[cell])
        changes[cell] = (
            "".join(change["source"]) if "source" in change else old.replace(change["replace"], change["by"])
        )
    commands = any(line.lstrip().startswith(("%", "!")) for text in changes.values() for line in text.splitlines())
    return {} if commands else changes  # of IPython, which is not there


#: Those of the corpus whose answers differ most in kind: lists, tensors, tuples, objects, other layers. Not those whose
#: cards say in a note that the next cells expect something else.
CASES = (
    "right-1-lists-and-tensors",
    "right-1-graph-functions",
    "right-1-named-results",
    "right-2-named-results",
    "right-2-sides-otherwise",
    "right-3-add-loss-layer",
    "right-3-draws-and-kl-in-numpy",
    "right-4-walk-otherwise",
    "right-4-yardsticks-otherwise",
    "right-5-lists-and-loops",
)


@pytest.mark.parametrize("name", CASES)
def test_the_next_cells_run_after_right_answers_of_other_kinds(chapters, name):
    (case,) = (case for case in read_cases(REPOSITORY / CORPUS, (name,)) if case.name == name)
    number = name.split("-")[1]
    chapter = chapters(number)
    changes = plain_changes(case, chapter[0])
    assert changes, "nothing of it was tried"
    go_on(chapter, changes)


@pytest.mark.parametrize("number, cell, source", OTHERS)
def test_the_next_cells_run_after_what_passes_though_it_is_not_what_is_expected(chapters, number, cell, source):
    go_on(chapters(number), {cell: source})
