"""Damaged notebooks and damaged evidence, at random: nothing crashes, and nobody gets points for it.

FAULTS_NOTEBOOKS=10000 and FAULTS_EVIDENCE=10000 try so many; FAULTS_SEED=7 others.
"""

import copy
import json
import random

import nbformat
import numpy as np
import pytest
from autoencoder_grader.engine import worker
from autoencoder_grader.engine.bundle import pack
from autoencoder_grader.engine.orders import CourseCopy, Given, Order, digest
from autoencoder_grader.engine.small_gradebook import small_gradebook
from autoencoder_grader.engine.submissions import Submission, problem_with
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.outcome import KEY
from autoencoder_grader.nbgrader_steps.repair import put_right, released_cells
from autoencoder_grader.scoring.scorer import score
from autoencoder_helpers import check
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.evidence import messages
from autoencoder_helpers.evidence.messages import ASKED_FOR, ENVIRONMENT, Mailbox

CHAPTER = "01_tiny"
ODD = (
    None,
    True,
    -1,
    0,
    1e308,
    10**30,
    float("nan"),
    "",
    "code",
    "conv-sides",
    "\ud83d",
    "\x00\x1b[31m",
    "x" * 10_000,
    [],
    [[]],
    ["a", None, 3],
    {},
    {"nbgrader": 3},
    {"nbgrader": {"grade_id": ["conv-sides"], "grade": True, "points": 99, "schema_version": 3}},
    {"nbgrader": {"grade_id": "conv-sides", "grade": True, "solution": True, "points": "9", "cell_type": "code"}},
    [{"output_type": "stream"}],
)


# -------------------------------------------------------------------------------------------------- notebooks


@pytest.fixture(scope="module")
def course(tmp_path_factory, tiny_course, empty_gradebook):
    """(a tiny course, what a worker gets of it, the released cells)."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    api = open_api(course.folder)
    assert api.generate_assignment(CHAPTER)["success"]
    with api.gradebook as gradebook:
        released = released_cells(gradebook.find_notebook(CHAPTER, CHAPTER))
        small = small_gradebook(gradebook, CHAPTER)
    return course, CourseCopy(CHAPTER, "c = get_config()", small, 1, {}), released


def mutated_text(chance, notebook):
    """The text of a notebook with something wrong in it."""
    notebook = copy.deepcopy(notebook)
    for _ in range(chance.randint(1, 4)):
        mutate(chance, notebook)
    data = json.dumps(notebook).encode("utf-8", "surrogatepass")
    kind = chance.random()
    if kind < 0.1:
        data = data[: chance.randrange(len(data))]
    elif kind < 0.3:
        data = flipped(chance, data)
    elif kind < 0.33:
        data = b'{"cells":' + b"[" * 20_000
    elif kind < 0.36:
        data = data.decode().encode(chance.choice(["utf-16", "utf-8-sig", "utf-32"]))
    return data


def mutate(chance, tree):
    """Change one thing, anywhere in a tree of lists and dictionaries."""
    places = []

    def walk(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    walk(tree)
    if not places:
        return
    node, key = chance.choice(places)
    what = chance.randrange(5)
    if what == 0:
        del node[key]
    elif what == 1:
        node[key] = copy.deepcopy(chance.choice(ODD))
    elif what == 2 and isinstance(node, list):
        node.insert(chance.randrange(len(node) + 1), copy.deepcopy(node[key]))
    elif what == 3:
        other, its_key = chance.choice(places)
        node[key] = copy.deepcopy(other[its_key]) if its_key in other or isinstance(other, list) else None
    elif isinstance(node, dict):
        node[chance.choice(["id", "metadata", "nbgrader", "source", "outputs", "cell_type", "x"])] = node[key]


def flipped(chance, data):
    """Bytes with some of them changed, gone or doubled."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if not data:
            break
        at = chance.randrange(len(data))
        what = chance.randrange(4)
        if what == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            data[at] = chance.randrange(256)
        elif what == 2:
            del data[at : at + chance.randint(1, 40)]
        else:
            data[at:at] = data[at : at + chance.randint(1, 40)]
    return bytes(data)


def test_damaged_notebooks(course, notebook, tmp_path, number):
    tiny, copy_, released = course
    tests = {cell.name: cell for cell in released if cell.is_test}
    ids = {cell.name for cell in released if cell.points is not None}
    folder = tmp_path / "submitted" / "ada" / CHAPTER
    place = tmp_path / "worker"
    folder.mkdir(parents=True)
    place.mkdir()
    original = json.loads(nbformat.writes(notebook("tiny")))
    usable, seed = 0, number("FAULTS_SEED", 1)
    for run in range(number("FAULTS_NOTEBOOKS", 200)):
        chance = random.Random(f"{seed}-{run}")
        path = folder / f"{CHAPTER}.ipynb"
        try:
            path.write_bytes(mutated_text(chance, original))
        except (UnicodeError, IndexError, KeyError):  # a mutation of a mutation that cannot be
            continue
        told = problem_with(Submission("ada", CHAPTER, folder), ids)
        if told is not None:
            assert "\n" not in told and str(path) in told, (seed, run)
            continue
        usable += 1
        files = pack(folder)
        worker._lay_out(place, Order("ada", CHAPTER, files, digest(files), copy_, Given()))
        read = nbformat.read(place / "submitted" / "ada" / CHAPTER / path.name, as_version=4)
        read = put_right(read, released)
        assert all(isinstance(note, str) for note in read.metadata[KEY]["notes"]), (seed, run)
        nbformat.validate(read)
        nbformat.writes(read).encode()
        # Whatever was handed in: the test cells are those of the release, each of them once.
        found = [cell for cell in read.cells if cell.metadata.get("nbgrader", {}).get("grade_id") in tests]
        assert sorted(cell.metadata.nbgrader.grade_id for cell in found) == sorted(tests), (seed, run)
        for cell in found:
            test = tests[cell.metadata.nbgrader.grade_id]
            assert (cell.source, cell.cell_type) == (test.source, test.cell_type), (seed, run)
            assert dict(cell.metadata.nbgrader) == test.marks(), (seed, run)
    assert usable > 10


# --------------------------------------------------------------------------------------------------- evidence


def after_conv(side, kernel, padding):
    return side if padding == "same" else side - kernel + 1


def after_pool(side):
    return (side + 1) // 2


def network():
    """A network that is no encoder."""
    import tf_keras

    return tf_keras.Sequential([tf_keras.layers.Input((784,)), tf_keras.layers.Dense(3)])


EVIDENCE = {
    "conv.sides": lambda: (after_conv, after_pool),  # nobody answers for them any more
    "flowers.beta": lambda: (-1.0,),
    "dense.encoder": lambda: (network(),),
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_damaged_evidence(name, tmp_path, monkeypatch, number):
    for folder in ("questions", "answers"):
        (tmp_path / folder).mkdir()
    box, data = Mailbox(tmp_path / "answers", tmp_path / "questions"), PublicData()
    with monkeypatch.context() as patch:
        box.send("1-0000", {"ask": "no more"})  # or the check waits for questions
        patch.setenv(ENVIRONMENT, str(tmp_path))
        (tmp_path / "questions" / ASKED_FOR).write_text(json.dumps({"check": name, "ticket": "1"}))
        check(name, *EVIDENCE[name]())
    evidence = tmp_path / "answers" / "1-evidence"
    original = evidence.read_bytes()
    tree, arrays = messages.unpack(original)
    seed, refused = number("FAULTS_SEED", 1), 0
    for run in range(number("FAULTS_EVIDENCE", 200 if name != "dense.encoder" else 60)):
        chance = random.Random(f"{seed}-{run}")
        evidence.write_bytes(mutated_message(chance, original, tree, arrays))
        (result,) = score(box, "1", name, data, lambda: True)
        assert 0 <= result.points <= result.max_points, (seed, run)
        refused += "evidence-refused" in str(result.to_dict())
        if name != "dense.encoder":
            assert result.points == 0, (seed, run)
    assert refused > 5


def mutated_message(chance, original, tree, arrays):
    """The bytes of a message with something wrong in it."""
    if chance.random() < 0.3:
        return flipped(chance, original)
    tree, arrays = copy.deepcopy(tree), list(arrays)
    for _ in range(chance.randint(1, 3)):
        mutate(chance, tree)
    if arrays and chance.random() < 0.5:
        at = chance.randrange(len(arrays))
        arrays[at] = chance.choice(
            [
                np.zeros(0),
                np.full(arrays[at].shape, np.nan, "float32"),
                arrays[at].T,
                np.ones((2,) * 12, "int8"),
                arrays[at].astype("float16"),
                np.full(arrays[at].shape, np.inf, "float32"),
            ]
        )
    try:
        return messages.pack(tree, arrays)
    except (TypeError, ValueError):
        return original[: chance.randrange(len(original))]
