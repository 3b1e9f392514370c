"""The double gate and the demo, on the real chapters: one run of the demo executes every solution once."""

import csv

import pytest
from autoencoder_grader.demo.demo_class import ALL_RIGHT, MISTAKES, MIXED, STUDENTS, TRAINED_AS_RELEASED, UNTOUCHED
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_helpers.checks import catalogue

CHAPTERS = list(MISTAKES)
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def rows_of(graded_demo, student, chapter):
    return [row for row in read_results(graded_demo.folder) if (row.student, row.assignment) == (student, chapter)]


def test_everything_is_graded_without_a_problem(graded_demo):
    assert graded_demo.report.problems == []
    assert len(graded_demo.report.graded) == len(CHAPTERS) * len(STUDENTS)


@each_chapter
def test_every_graded_cell_of_a_solution_gets_full_points(graded_demo, chapter):
    rows = [row for row in rows_of(graded_demo, ALL_RIGHT, chapter) if not row.written]
    assert sum(row.max_points for row in rows) == 10
    lost = [
        f"{row.check}: {row.points} of {row.max_points}: {row.reasons}" for row in rows if row.points != row.max_points
    ]
    assert not lost


@each_chapter
def test_every_graded_cell_of_the_untouched_release_gets_none(graded_demo, chapter):
    rows = rows_of(graded_demo, UNTOUCHED, chapter)
    assert sum(row.max_points for row in rows) == 12
    assert not [f"{row.check}: {row.points}" for row in rows if row.points != 0]
    assert all(row.reasons for row in rows)


@each_chapter
def test_the_written_answer_waits_for_a_person_and_no_answer_gets_none(graded_demo, chapter):
    points = {
        student: [row.points for row in rows_of(graded_demo, student, chapter) if row.written] for student in STUDENTS
    }
    assert points == {ALL_RIGHT: [None], MIXED: [0], UNTOUCHED: [0]}


@each_chapter
def test_the_mixed_student_loses_some_points_each_for_a_reason(graded_demo, chapter):
    rows = [row for row in rows_of(graded_demo, MIXED, chapter) if not row.written]
    lost = [row for row in rows if row.points < row.max_points]
    assert len(MISTAKES[chapter]) == len(lost) < len(rows)
    for row in lost:
        assert row.check in catalogue()
        assert row.reasons and "gave no result" not in row.reasons[0], row
        assert row.mistakes


@each_chapter
def test_the_card_of_every_check_is_on_the_feedback_page(graded_demo, chapter):
    for student in STUDENTS:
        page = graded_demo.folder / "feedback" / student / chapter / f"{chapter}.html"
        text = page.read_text(encoding="utf-8")
        for name in (name for name in catalogue() if name.startswith(_prefix(chapter))):
            assert f"Check {name}:" in text, f"{student}: no card of {name}"


def _prefix(chapter):
    return ("dense.", "conv.", "vae.", "flowers.", "cells.")[CHAPTERS.index(chapter)]


def test_grades_csv_has_every_student_and_chapter(graded_demo):
    with graded_demo.report.grades.open(newline="") as file:
        scores = {(line["student_id"], line["assignment"]): float(line["score"]) for line in csv.DictReader(file)}
    assert set(scores) == {(student, chapter) for student in STUDENTS for chapter in CHAPTERS}
    assert all(scores[ALL_RIGHT, chapter] == 10 and scores[UNTOUCHED, chapter] == 0 for chapter in CHAPTERS)


def test_the_demo_says_who_lost_what_and_where_everything_lies(graded_demo):
    for student in STUDENTS:
        assert student in graded_demo.said
    for row in read_results(graded_demo.folder):
        if row.points is not None and row.points < row.max_points:
            told = f"{row.check}, {row.points:g} of {row.max_points:g}: {row.reasons[0]}" if row.begun else row.check
            assert told in graded_demo.said or row.student == UNTOUCHED
    for line in (
        "01 dense autoencoder: 9",
        "02 convolutional autoencoder: 8",
        "04 flower vae: 8",
        "05 gene expression: 9",
    ):
        assert f"{UNTOUCHED} · {line} checks not begun, no written answer." in graded_demo.said
    assert str(graded_demo.report.grades) in graded_demo.said
    assert str(graded_demo.report.feedback) in graded_demo.said


def test_nothing_is_trained(graded_demo):
    """A training that goes on or begins anew writes its file anew."""
    for chapter in CHAPTERS:
        carried = {path.stem: path.read_bytes() for path in trained_weights(chapter)}
        only_run = {name: carried[name] for name in TRAINED_AS_RELEASED.get(chapter, ())}
        for student, expected in ((ALL_RIGHT, carried), (MIXED, carried), (UNTOUCHED, only_run)):
            for step in ("submitted", "autograded"):
                weights = (graded_demo.folder / step / student / chapter / "weights").glob("*")
                assert {path.stem: path.read_bytes() for path in weights} == expected, f"{step} of {student}"


def test_a_second_run_grades_and_trains_nothing(graded_demo):
    again = graded_demo.run()
    assert not again.report.graded
    assert len(again.report.unchanged) == len(CHAPTERS) * len(STUDENTS)
    assert again.report.exit_code == 0
