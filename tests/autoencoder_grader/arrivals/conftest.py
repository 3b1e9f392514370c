"""A course with a roster, and notebooks of students who worked in them."""

import shutil

import nbformat
import pytest
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.release import make_release

STUDENTS = (
    ("ada", "Ada", "Lovelace", "ada@example.org", "101"),
    ("ben", "Ben", "Bitdiddle", "ben@example.org", "102"),
    ("zoé", "Zoé", "Müller", "zm@example.org", "103"),
)


@pytest.fixture(scope="module")
def with_roster(tmp_path_factory, empty_gradebook, tiny_course):
    """A course with a roster and a release, for all tests of a file."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    with open_api(course.folder).gradebook as gradebook:
        for name, first, last, email, number in STUDENTS:
            gradebook.add_student(name, first_name=first, last_name=last, email=email, lms_user_id=number)
    make_release(course.folder, ["01_tiny"])
    return course


@pytest.fixture
def roster(with_roster):
    """The course with a roster, as if nothing had come yet."""
    for name in ("submitted", "downloads", ".grading"):
        shutil.rmtree(with_roster.folder / name, ignore_errors=True)
    return with_roster


@pytest.fixture(scope="session")
def worked(notebook):
    """The bytes of a notebook of a chapter that somebody worked in."""

    def made(name="tiny", **sources):
        made = notebook(name, **sources)
        for cell in made.cells:
            cell.source = "\n".join(line for line in cell.source.split("\n") if "###" not in line)
        return nbformat.writes(made).encode()

    return made
