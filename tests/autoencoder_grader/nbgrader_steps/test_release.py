"""From solutions/ to notebooks/: stubs, companions, determinism, and what happens when it fails."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.release import make_release, release_source
from autoencoder_helpers.errors import CourseError

REGION = """\
encoder = None
### BEGIN SOLUTION
encoder = build()
### STUB
{stub}
### END SOLUTION
done = True"""


def cells_of(path):
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def test_a_solution_becomes_its_stub():
    released = release_source(REGION.format(stub='# raise NotImplementedError("Build the encoder")'), "here")
    assert released == 'encoder = None\nraise NotImplementedError("Build the encoder")\ndone = True'


def test_a_faded_stub_keeps_its_indentation_and_its_own_comments():
    source = """\
def encode(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### STUB
    # # multiply x by a factor
    #
    # factor = None
    # if factor:
    #     return factor * x
    ### END SOLUTION"""
    assert release_source(source, "here") == (
        "def encode(x):\n    # multiply x by a factor\n\n    factor = None\n    if factor:\n        return factor * x"
    )


def test_a_cell_may_have_two_regions():
    stub = REGION.format(stub="# # build the encoder")
    assert release_source(f"{stub}\n{stub}", "here").count("# build the encoder") == 2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("encoder = build()", "without '### BEGIN SOLUTION'"),
        (REGION.format(stub="").replace("### STUB\n\n", ""), "'### STUB' must come first"),
        (REGION.format(stub=""), "names no task"),
        (REGION.format(stub="# raise NotImplementedError()"), "names no task"),
        (REGION.format(stub="# encoder = None"), "names no task"),
        (REGION.format(stub="raise NotImplementedError('Build the encoder')"), "would run in the solution"),
        (
            REGION.format(stub="# # build the encoder\n# encoder = (").replace("done", "or done"),
            "not valid Python",
        ),
        (
            REGION.format(stub="# # build it now").replace("### END SOLUTION\ndone = True", ""),
            "has no '### END SOLUTION'",
        ),
        ("### STUB\n# # build it now\n### END SOLUTION", "'### BEGIN SOLUTION' must come first"),
        (REGION.format(stub="# # build it now\n### BEGIN SOLUTION"), "'### END SOLUTION' must come first"),
    ],
)
def test_a_solution_cell_without_a_usable_stub_is_an_error_in_one_line(source, words):
    with pytest.raises(CourseError) as error:
        release_source(source, "01_x/01_x.ipynb, cell 'build-encoder'")
    assert words in str(error.value)
    assert "cell 'build-encoder'" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_release_holds_tasks_and_no_solutions(course):
    paths = make_release(course.folder)
    assert paths == [course.release("01_tiny"), course.release("02_small")]
    cells = cells_of(paths[0])
    assert 'raise NotImplementedError("Return the side after pooling")' in cells["write-sides"].source
    assert "the whole trick" not in paths[0].read_text(encoding="utf-8")
    assert cells["tiny-written"].source == "YOUR ANSWER HERE"
    assert cells["conv-sides"].metadata["nbgrader"]["points"] == 1
    assert list(cells) == [
        "title", "setup", "write-sides", "conv-sides", "train-net", "flowers-beta", "tiny-written"
    ]  # fmt: skip


def test_the_release_is_the_same_bytes_each_time(course):
    first = [path.read_bytes() for path in make_release(course.folder)]
    assert [path.read_bytes() for path in make_release(course.folder)] == first
    assert not any(b"\r" in content for content in first)


def test_a_course_may_be_named_from_where_one_stands(course, monkeypatch):
    monkeypatch.chdir(course.folder.parent)
    assert make_release(Path(course.folder.name), ["02_small"]) == [course.release("02_small")]


def test_only_the_named_chapter_is_released(course):
    assert make_release(course.folder, ["02_small"]) == [course.release("02_small")]
    assert not course.release("01_tiny").exists()


def test_an_unknown_chapter_is_an_error_that_lists_the_chapters(course):
    with pytest.raises(CourseError, match="'03_none'; there are: 01_tiny, 02_small"):
        make_release(course.folder, ["03_none"])


def test_a_failure_leaves_the_old_release_and_names_file_and_cell(course, notebook):
    old = [path.read_bytes() for path in make_release(course.folder)]
    course.solve("01_tiny", notebook("tiny", title="# Changed"))
    course.solve("02_small", notebook("small", write_bce="bce_per_image = lambda x, p: 1"))
    with pytest.raises(CourseError) as error:
        make_release(course.folder)
    assert "02_small/02_small.ipynb, cell 'write-bce'" in str(error.value)
    assert "\n" not in str(error.value)
    assert [course.release(chapter).read_bytes() for chapter in ("01_tiny", "02_small")] == old
    assert not list(course.folder.glob(".release-*"))


def test_the_gradebook_is_not_touched(course):
    gradebook = course.folder / "gradebook.db"
    gradebook.write_bytes(b"not to be opened")  # in place of a good one
    make_release(course.folder)
    assert gradebook.read_bytes() == b"not to be opened"


def test_a_learners_weights_in_the_release_stay(course):
    make_release(course.folder)
    weights = course.release("01_tiny").parent / "weights" / "net.npz"
    weights.parent.mkdir()
    weights.write_bytes(b"mine")
    make_release(course.folder)
    assert weights.read_bytes() == b"mine"


def test_files_beside_a_solution_are_not_released_by_our_command(course):
    _put_files_beside_the_solution(course)
    make_release(course.folder)
    assert [path.name for path in course.release("01_tiny").parent.rglob("*")] == ["01_tiny.ipynb"]


def test_files_beside_a_solution_are_not_released_by_nbgrader_itself(graded_course):
    _put_files_beside_the_solution(graded_course)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "01_tiny", "--force"]
    run = subprocess.run(command, cwd=graded_course.folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert [path.name for path in graded_course.release("01_tiny").parent.rglob("*")] == ["01_tiny.ipynb"]
    by_nbgrader = graded_course.release("01_tiny").read_bytes()
    make_release(graded_course.folder)
    assert graded_course.release("01_tiny").read_bytes() == by_nbgrader
    assert (graded_course.folder / "gradebook.db").exists()


def test_files_beside_a_solution_are_not_released_by_formgrader(graded_course):
    _put_files_beside_the_solution(graded_course)
    assert open_api(graded_course.folder).generate_assignment("01_tiny")["success"]  # what its button calls
    assert [path.name for path in graded_course.release("01_tiny").parent.rglob("*")] == ["01_tiny.ipynb"]


def _put_files_beside_the_solution(course):
    for name in ("weights/net.npz", "weights/deep/er.json", "notes.txt"):
        path = course.folder / "solutions" / "01_tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"the solution's")
