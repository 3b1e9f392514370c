"""The pages of the book: exercises as students get them, solutions and answers folded away, stable files."""

import nbformat
import pytest
from autoencoder_grader.book import pages as pages_module
from autoencoder_grader.book.pages import page_of, pages_of, write_pages
from autoencoder_grader.nbgrader_steps.release import chapters_of
from autoencoder_helpers.errors import CourseError

from .conftest import REPOSITORY, chapter


def cells(page):
    return {cell.id: cell for cell in page.cells}


def test_a_task_is_its_stub_for_all_to_see_and_a_solution_that_runs_folded_away():
    source = chapter()
    page = cells(page_of(source, "01_tiny"))
    assert list(page) == ["title", "task-stub", "task", "aside", "question-answer"]
    stub, solution = page["task-stub"], page["task"]
    assert stub.cell_type == "markdown" and 'raise NotImplementedError("Say the answer")' in stub.source
    assert ":class: stub" in stub.source and "6 * 7" not in stub.source
    assert "6 * 7" in solution.source and "###" not in solution.source and "NotImplemented" not in solution.source
    assert solution.metadata.tags == ["hide-cell"]
    assert source == chapter(), "the chapter itself stays as it is"


def test_a_written_answer_is_folded_away_with_its_rubric():
    answer = cells(page_of(chapter(), "01_tiny"))["question-answer"].source
    assert answer.startswith("<details><summary>") and answer.endswith("</details>")
    assert "hedgehog said so" in answer and "MARK SCHEME" not in answer
    assert "\n\n- 0: says nothing\n- 1: names the\n   hedgehog\n</details>" in answer


def test_a_prediction_without_a_rubric_stays_open_without_marks():
    notebook = chapter()
    notebook.cells[-1].metadata.nbgrader.grade = False
    notebook.cells[-1].source = "My guess: two."
    assert page_of(notebook, "01_tiny").cells[-1].source == "My guess: two."


def test_a_task_that_cannot_be_released_is_named():
    notebook = chapter()
    notebook.cells[1].source = "answer = 42"
    with pytest.raises(CourseError, match="01_tiny, cell 'task'"):
        page_of(notebook, "01_tiny")


def test_no_page_shows_a_mark_of_ours():
    pages = pages_of(REPOSITORY)
    assert list(pages) == chapters_of(REPOSITORY)
    for page in pages.values():
        nbformat.validate(page)
        for cell in page.cells:
            assert not any(mark in cell.source for mark in ("BEGIN SOLUTION", "### STUB", "MARK SCHEME")), cell.id


def test_a_page_that_stays_the_same_is_not_written_again_and_one_that_is_gone_is_removed(course):
    folder = course.folder / "docs" / "chapters"
    write_pages(pages_of(course.folder), folder)
    page = folder / "01_tiny" / "01_tiny.ipynb"
    before = page.stat().st_mtime_ns
    write_pages(pages_of(course.folder), folder)
    assert page.stat().st_mtime_ns == before
    course.write(chapter(text="# Another title"))
    write_pages(pages_of(course.folder), folder)
    assert page.stat().st_mtime_ns != before and "Another title" in page.read_text()
    write_pages({}, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("project", "leads"),
    [
        ('[project.urls]\nRepository = "https://github.com/a-school/course"\n', True),
        ('[project.urls]\nRepository = "https://github.com/your_account/course"\n', False),  # nobody's yet
        ("[project]\n", False),
        (None, False),
    ],
)
def test_a_page_says_where_its_chapter_opens_as_soon_as_the_course_has_an_address(tmp_path, project, leads):
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    text = pages_module._links(tmp_path, "01_tiny")
    assert bool(text) is leads
    if leads:
        assert "colab.research.google.com/github/a-school/course/blob/main/notebooks/01_tiny/01_tiny.ipynb" in text
        assert "labpath=notebooks%2F01_tiny%2F01_tiny.ipynb" in text
