"""A course of one chapter with three cells, and a book of it: quick, because nothing in it needs TensorFlow."""

import shutil
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

TASK = """\
answer = None
### BEGIN SOLUTION
answer = 6 * 7
print("worked out")
### STUB
# raise NotImplementedError("Say the answer")
### END SOLUTION
"""
ASIDE = 'print(f"the answer is {answer}")'
QUESTION = """\
Because a hedgehog said so.

### BEGIN MARK SCHEME
0: says nothing
1: names the
   hedgehog
### END MARK SCHEME
"""
INDEX = """\
# A tiny book

A [folder](../solutions), a [chapter](chapters/01_tiny/01_tiny.ipynb), $x^2$.

```{toctree}
:glob:

chapters/*/*
```
"""


def nbgrader(**settings):
    defaults = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
    return {"nbgrader": defaults | settings}


def chapter(text="# A tiny chapter of marmalade", aside=ASIDE):
    """A chapter as solutions/ holds it: a title, a task, a cell that uses it, a written question."""
    v4 = nbformat.v4
    return v4.new_notebook(
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        cells=[
            v4.new_markdown_cell(text, id="title"),
            v4.new_code_cell(TASK, id="task", metadata=nbgrader(grade_id="task", solution=True)),
            v4.new_code_cell(aside, id="aside"),
            v4.new_markdown_cell(
                QUESTION, id="question", metadata=nbgrader(grade_id="question", solution=True, grade=True, points=1)
            ),
        ],
    )


class BookCourse:
    """The course in `folder`, with the repository's own settings for Sphinx."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "nbgrader_config.py").touch()
        (folder / "constraints.txt").write_text("nothing==1\n")
        docs = folder / "docs"
        docs.mkdir()
        for name in ("conf.py", "_static", "_templates"):
            source = REPOSITORY / "docs" / name
            if source.is_dir():
                shutil.copytree(source, docs / name)
            elif source.is_file():
                shutil.copy(source, docs)
        (docs / "index.md").write_text(INDEX)
        self.write(chapter())

    def write(self, notebook):
        path = self.folder / "solutions" / "01_tiny" / "01_tiny.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)


@pytest.fixture
def course(tmp_path):
    return BookCourse(tmp_path)
