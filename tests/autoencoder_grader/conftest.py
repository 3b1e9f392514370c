"""A tiny course, made up for the tests: chapters of a few cells that run in a second.

Its checks are real ones, because points come from the rules of the course and from nothing else.
"""

import contextlib
import shutil
import uuid
from pathlib import Path

import closing
import nbformat
import pytest
from autoencoder_grader.engine import submissions
from autoencoder_grader.kernels.manager import command_line
from autoencoder_grader.nbgrader_steps import execution
from autoencoder_grader.nbgrader_steps.nbgrader_api import make_alembic_reachable
from autoencoder_grader.scoring.process import ScoringProcess
from nbgrader.api import Gradebook

REPOSITORY = Path(__file__).resolve().parents[2]

SETUP = """\
from pathlib import Path
import numpy as np
from autoencoder_helpers import check
"""
SIDES = """\
def after_conv(side, kernel, padding):
    ### BEGIN SOLUTION
    return side if padding == "same" else side - kernel + 1
    ### STUB
    # raise NotImplementedError("Return the side after a convolution")
    ### END SOLUTION

def after_pool(side):
    ### BEGIN SOLUTION
    return (side + 1) // 2  # the whole trick
    ### STUB
    # raise NotImplementedError("Return the side after pooling")
    ### END SOLUTION
"""
# The number stands for a network: training takes long, so it is done once and kept in weights/.
TRAIN = """\
beta = None
### BEGIN SOLUTION
weights = Path("weights/net.npz")
if not weights.exists():
    print("training")
    weights.parent.mkdir(exist_ok=True)
    np.savez(weights, beta=0.0012, where="in grading")
with np.load(weights) as kept:
    beta = float(kept["beta"])
### STUB
# # train the network and keep its weights
# beta = None
### END SOLUTION
"""
BCE = """\
def bce_per_image(x, p):
    ### BEGIN SOLUTION
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=-1)
    ### STUB
    # raise NotImplementedError("Return one number for each image")
    ### END SOLUTION
"""
FLOOR = """\
def floor_and_baseline(x_train, x):
    ### BEGIN SOLUTION
    return bce_per_image(x, x).mean(), bce_per_image(x, x_train.mean(axis=0)).mean()
    ### STUB
    # raise NotImplementedError("Return floor and baseline")
    ### END SOLUTION
"""
WRITTEN = """\
Because it must pass through two numbers.
### BEGIN MARK SCHEME
1: says something
### END MARK SCHEME
"""
#: For each chapter its exercises, of checks that are quick: id and source of the answer, then of the test.
EXERCISES = {
    "tiny": (
        ("write-sides", SIDES, "conv-sides", 'check("conv.sides", after_conv, after_pool)'),
        ("train-net", TRAIN, "flowers-beta", 'check("flowers.beta", beta)'),
    ),
    "small": (
        ("write-bce", BCE, "dense-bce_per_image", 'check("dense.bce_per_image", bce_per_image)'),
        (
            "write-floor",
            FLOOR,
            "dense-floor_and_baseline",
            'check("dense.floor_and_baseline", floor_and_baseline)',
        ),
    ),
}


def _nbgrader(grade_id, **settings):
    defaults = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
    return {"nbgrader": defaults | {"grade_id": grade_id} | settings}


def _tiny_notebook(name="tiny", **sources):
    """A chapter's solution notebook; `sources` replaces the source of cells by id (dashes as underscores)."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell("# A tiny chapter", id="title"), v4.new_code_cell(SETUP, id="setup")]
    for answer, solution, test, source in EXERCISES[name]:
        marks = _nbgrader(answer, solution=True), _nbgrader(test, grade=True, locked=True, points=1)
        cells += [
            v4.new_code_cell(solution, id=answer, metadata=marks[0]),
            v4.new_code_cell(source, id=test, metadata=marks[1]),
        ]
    marks = _nbgrader(f"{name}-written", grade=True, solution=True, points=2)
    cells.append(v4.new_markdown_cell(WRITTEN, id=f"{name}-written", metadata=marks))
    for cell in cells:
        cell.source = sources.get(cell.id.replace("-", "_"), cell.source)
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def write_notebook(path, notebook):
    """Write a notebook, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


class TinyCourse:
    """A course folder with the chapters 01_tiny and 02_small."""

    def __init__(self, folder, gradebook=None):
        self.folder = folder
        shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
        if gradebook:
            shutil.copy(gradebook, folder / "gradebook.db")
        self.solve("01_tiny", _tiny_notebook("tiny"))
        self.solve("02_small", _tiny_notebook("small"))

    def solve(self, chapter, notebook):
        """Write a chapter's solution."""
        return write_notebook(self.folder / "solutions" / chapter / f"{chapter}.ipynb", notebook)

    def hand_in(self, student, chapter, notebook):
        """Put a notebook into submitted/."""
        return write_notebook(self.folder / "submitted" / student / chapter / f"{chapter}.ipynb", notebook)

    def release(self, chapter):
        """The path of a chapter's release."""
        return self.folder / "notebooks" / chapter / f"{chapter}.ipynb"


@pytest.fixture(scope="session", autouse=True)
def one_scoring_process(tmp_path_factory):
    """All courses of the tests share a scoring process: it needs seconds before it gives its first result."""
    course = tmp_path_factory.mktemp("scoring")
    running = []

    def shared(*_):
        if not running or not running[-1].alive:
            running.append(ScoringProcess(course))
        return running[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "scoring_process", shared)
        yield
    for process in running:
        if process.alive:
            process.close()


@pytest.fixture(scope="session", autouse=True)
def nothing_outlives_the_tests():
    """What serves all tests, and would end with this process, ends before it is looked what is left."""
    yield
    closing.close_all()


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory):
    """A gradebook without entries. Making one takes nbgrader seconds, copying it none."""
    make_alembic_reachable()
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    Gradebook(f"sqlite:///{path}", "autoencoders").close()
    return path


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """A folder in place of both packages, so that editing a rule meanwhile does not change a test.

    A fingerprint of a submission holds them; a module that wants this says pytestmark = usefixtures("rules").
    """
    folder = tmp_path_factory.mktemp("rules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submissions, "HELPERS", folder)
        patch.setattr(submissions, "GRADER", folder)
        yield folder


@pytest.fixture(scope="session")
def tiny_course():
    """The class of tiny courses: tiny_course(folder, gradebook=None)."""
    return TinyCourse


@pytest.fixture
def course(tmp_path):
    """A fresh tiny course without a gradebook."""
    return TinyCourse(tmp_path)


@pytest.fixture
def graded_course(tmp_path, empty_gradebook):
    """A fresh tiny course with an empty gradebook."""
    return TinyCourse(tmp_path, empty_gradebook)


@pytest.fixture(scope="session")
def notebook():
    """The function that makes a chapter's notebook, with the sources of cells replaced as told."""
    return _tiny_notebook


@pytest.fixture
def kernel():
    """A context manager: (fork server, home folder, limits) -> (the fork, a function: code -> what it printed)."""
    from autoencoder_grader.kernels import sandbox
    from autoencoder_grader.kernels.fork_server import SOCKETS
    from jupyter_client import BlockingKernelClient
    from jupyter_client.connect import write_connection_file

    @contextlib.contextmanager
    def running(server, home, limits):
        sockets = server.places / f"sockets-{uuid.uuid4().hex[:8]}"
        sockets.mkdir()
        inside = {"ip": f"{SOCKETS}/kernel", "transport": "ipc", "key": b"key"}
        _, connection = write_connection_file(str(sockets / "kernel.json"), **inside)
        sandbox.give_to(sandbox.sandbox_user(), sockets)
        folders = [(home, sandbox.HOME, True), (sockets, SOCKETS, True)]
        fork = server.fork(folders, ["-f", f"{SOCKETS}/kernel.json", *command_line()[-1:]], limits)
        client = BlockingKernelClient()
        client.load_connection_info({**connection, "ip": str(sockets / "kernel"), "key": "key"})
        client.start_channels()
        client.wait_for_ready(timeout=60)

        def printed(code):
            outputs = []
            client.execute_interactive(code, timeout=120, output_hook=outputs.append)
            assert not any(message["msg_type"] == "error" for message in outputs), outputs
            return "".join(message["content"].get("text", "") for message in outputs)

        try:
            yield fork, printed
        finally:
            client.stop_channels()
            fork.kill()
            fork.wait(30)

    return running
