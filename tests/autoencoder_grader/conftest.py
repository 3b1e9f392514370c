"""A tiny course, made up for the tests: chapters of a few cells that run in a second."""

import shutil
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.nbgrader_api import make_alembic_reachable
from nbgrader.api import Gradebook

REPOSITORY = Path(__file__).resolve().parents[2]

SETUP = """\
from pathlib import Path
from autoencoder_helpers.checks.result import CheckResult, StepResult

def check(name, passed, points=2):
    step = StepResult("It is right", bool(passed), points if passed else 0, points, expected="4", found="3",
                      look="the factor", mistake="wrong-factor")
    return CheckResult(name, "The answer is right", step.points, points, (step,))
"""
DOUBLE = '''\
def double(x):
    """Return x twice."""
    ### BEGIN SOLUTION
    return x + x  # the whole trick
    ### STUB
    # raise NotImplementedError("Return twice the number x")
    ### END SOLUTION
'''
TRAIN = """\
trained = None
### BEGIN SOLUTION
weights = Path("weights/net.txt")
if not weights.exists():
    weights.parent.mkdir(exist_ok=True)
    weights.write_text("trained by " + Path.cwd().parent.name)
    Path("weights/runs.txt").open("a").write("run ")
trained = weights.read_text()
### STUB
# # train the network and keep its weights
# trained = None
### END SOLUTION
"""
WRITTEN = """\
Because it must pass through two numbers.
### BEGIN MARK SCHEME
1: says something
### END MARK SCHEME
"""


def _nbgrader(grade_id, **settings):
    defaults = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
    return {"nbgrader": defaults | {"grade_id": grade_id} | settings}


def _tiny_notebook(prefix="tiny", **sources):
    """A chapter's solution notebook; `sources` replaces the source of cells by id (dashes as underscores)."""
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell("# A tiny chapter", id="title"),
        v4.new_code_cell(SETUP, id="setup"),
        v4.new_code_cell(DOUBLE, id="write-double", metadata=_nbgrader("write-double", solution=True)),
        v4.new_code_cell(
            f'"""Twice two is four."""\ncheck("{prefix}.double", double(2) == 4)',
            id=f"{prefix}-double",
            metadata=_nbgrader(f"{prefix}-double", grade=True, locked=True, points=2),
        ),
        v4.new_code_cell(TRAIN, id="train-net", metadata=_nbgrader("train-net", solution=True)),
        v4.new_code_cell(
            f'"""The network is trained."""\ncheck("{prefix}.trained", trained, points=1)',
            id=f"{prefix}-trained",
            metadata=_nbgrader(f"{prefix}-trained", grade=True, locked=True, points=1),
        ),
        v4.new_markdown_cell(
            WRITTEN,
            id=f"{prefix}-written",
            metadata=_nbgrader(f"{prefix}-written", grade=True, solution=True, points=2),
        ),
    ]
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


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory):
    """A gradebook without entries. Making one takes nbgrader seconds, copying it none."""
    make_alembic_reachable()
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    Gradebook(f"sqlite:///{path}", "autoencoders").close()
    return path


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
