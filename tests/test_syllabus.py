"""The syllabus says of each chapter what stands in its sources."""

import importlib.util
from pathlib import Path

import pytest
from autoencoder_helpers.checks import catalogue

PAGE = Path(__file__).resolve().parents[1] / "docs" / "syllabus.md"


@pytest.fixture(scope="module")
def listing():
    """docs/list_syllabus.py as a module."""
    spec = importlib.util.spec_from_file_location("list_syllabus", PAGE.with_name("list_syllabus.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_sources_are(listing):
    page = PAGE.read_text(encoding="utf-8")
    assert page == listing.written(page), "docs/syllabus.md is not up to date: .venv/bin/python docs/list_syllabus.py"
    assert all(f"| `{name}` |" in page for name in catalogue())


def test_every_chapter_has_goals_and_a_question_whose_marks_go_up_to_its_points(listing):
    for name, _, goals, graded in listing.chapters():
        assert len(goals) >= 5 and all(goal[0].islower() and goal[-1] in ".;" for goal in goals), name
        (question,) = (cell for cell in graded if cell.cell_type == "markdown")
        assert [points for points, _ in listing.levels(question)] == list(
            range(int(question.metadata.nbgrader.points) + 1)
        )
