"""Points lost for handing in late, and that a moved due date leaves no trace of the old one."""

import csv
import datetime
import shutil

import pytest
from autoencoder_grader.engine import grading
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps.late import LatePointsPerDay, Refreshed, late_policy, refresh_penalties
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.results.class_results import read_class
from autoencoder_helpers.errors import CourseError
from nbgrader.preprocessors import AssignLatePenalties
from tiny_class import quiet

DUE = "2026-05-01 12:00:00 UTC"
HANDED_IN = {
    "ada": "2026-05-01 11:59:59 UTC",  # in time
    "ben": "2026-05-01 15:00:00 UTC",  # three hours late
    "cy": "2026-05-03 13:00:00 UTC",  # two days and an hour late
    "dora": None,  # nobody knows when
}
pytestmark = pytest.mark.usefixtures("rules")


@pytest.mark.parametrize(
    ("seconds", "points_per_day", "grace_hours", "penalty"),
    [
        (1, 0, 0, None),
        (0, 1, 0, None),
        (1, 1, 0, 1),
        (86400, 1, 0, 1),
        (86401, 1, 0, 2),
        (3600, 1, 1, None),
        (3601, 1, 1, 1),
        (3600 + 86400, 0.5, 1, 0.5),
        (3601 + 86400, 0.5, 1, 1.0),
    ],
)
def test_each_day_begun_after_the_grace_period_costs_points(seconds, points_per_day, grace_hours, penalty):
    policy = LatePointsPerDay(points_per_day=points_per_day, grace_hours=grace_hours)
    assert policy.late_submission_penalty("ada", 10.0, seconds) == penalty


def test_it_is_off_as_the_course_comes(graded_course):
    policy = late_policy(open_api(graded_course.folder))
    assert isinstance(policy, LatePointsPerDay)
    assert policy.late_submission_penalty("ada", 10.0, 1e6) is None


def set_policy(course, points_per_day, grace_hours=0):
    """Change the two settings as an instructor does: in their lines."""
    path = course.folder / "nbgrader_config.py"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("c.LatePointsPerDay.")]
    lines += [
        f"c.LatePointsPerDay.points_per_day = {points_per_day}",
        f"c.LatePointsPerDay.grace_hours = {grace_hours}",
    ]
    path.write_text("\n".join(lines) + "\n")


def set_due_date(course, due):
    with open_api(course.folder).gradebook as gradebook:
        gradebook.update_or_create_assignment("01_tiny", duedate=due)


def grade_it(course, **choice):
    return grade(course.folder, console=quiet(), trusted=True, **choice)


def grades_of(course):
    """What grades.csv says of each student: points before and after the penalty."""
    with (course.folder / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {
            line["student_id"]: (float(line["raw_score"]), float(line["score"]))
            for line in csv.DictReader(file)
            if line["assignment"] == "01_tiny"
        }


def penalties_of(course):
    with open_api(course.folder).gradebook as gradebook:
        found = gradebook.assignment_submissions("01_tiny")
        return {entry.student_id: entry.notebooks[0].late_submission_penalty for entry in found}


def pages_of(course):
    pages = (course.folder / "feedback").glob("*/01_tiny/01_tiny.html")
    return {page.parent.parent.name: "Late submission penalty" in page.read_text() for page in pages}


def new_class(folder, tiny_course, notebook, gradebook):
    course = tiny_course(folder, gradebook)
    for student, stamp in HANDED_IN.items():
        path = course.hand_in(student, "01_tiny", notebook("tiny"))
        if stamp:
            (path.parent / "timestamp.txt").write_text(stamp)
    return course


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory, tiny_course, notebook, empty_gradebook):
    """A class graded with a due date and half a point a day; for tests that put it back as it was."""
    course = new_class(tmp_path_factory.mktemp("late"), tiny_course, notebook, empty_gradebook)
    set_policy(course, 0.5)
    set_due_date(course, DUE)
    report = grade_it(course)
    assert len(report.graded) == len(HANDED_IN) and not report.problems
    return course


@pytest.fixture
def late_class(graded_class):
    """The graded class as it was after its first grading."""
    kept = {name: graded_class.folder / name for name in ("gradebook.db", "nbgrader_config.py", "feedback")}
    saved = graded_class.folder.with_name("saved")
    saved.mkdir()
    for name, path in kept.items():
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, saved / name)
    yield graded_class
    shutil.rmtree(kept["feedback"])
    for name, path in kept.items():
        (shutil.copytree if (saved / name).is_dir() else shutil.copyfile)(saved / name, path)
    shutil.rmtree(saved)


def test_late_submissions_lose_points_and_their_pages_say_so(late_class):
    assert grades_of(late_class) == {"ada": (2, 2), "ben": (2, 1.5), "cy": (2, 0.5), "dora": (2, 2)}
    assert pages_of(late_class) == {"ada": False, "ben": True, "cy": True, "dora": False}


def test_without_a_change_nothing_is_done_again(late_class):
    page = late_class.folder / "feedback" / "ben" / "01_tiny" / "01_tiny.html"
    before = page.stat().st_mtime_ns
    report = grade_it(late_class)
    assert not report.graded and not report.problems
    assert page.stat().st_mtime_ns == before


def test_a_due_date_that_moves_gives_points_back_without_grading_again(late_class):
    set_due_date(late_class, "2026-05-02 12:00:00 UTC")
    report = grade_it(late_class)
    assert not report.graded and len(report.unchanged) == len(HANDED_IN)
    assert grades_of(late_class) == {"ada": (2, 2), "ben": (2, 2), "cy": (2, 1), "dora": (2, 2)}
    assert pages_of(late_class) == {"ada": False, "ben": False, "cy": True, "dora": False}
    assert penalties_of(late_class)["ben"] is None  # as if there had never been one


def test_a_due_date_that_is_taken_away_takes_the_penalties_with_it(late_class):
    set_due_date(late_class, None)
    grade_it(late_class)
    assert set(penalties_of(late_class).values()) == {None}


@pytest.mark.parametrize(("points", "grace", "lost"), [(0, 0, (0, 0)), (0.25, 4, (0, 0.75 - 0.25)), (9, 0, (2, 2))])
def test_another_policy_counts_for_what_was_graded_before(late_class, points, grace, lost):
    set_policy(late_class, points, grace)
    report = grade_it(late_class)
    assert not report.graded
    grades = grades_of(late_class)
    assert tuple(2 - grades[student][1] for student in ("ben", "cy")) == lost
    assert grades["ada"] == grades["dora"] == (2, 2)


def test_who_has_no_points_to_lose_keeps_the_page(late_class):
    set_due_date(late_class, None)
    grade_it(late_class)
    with open_api(late_class.folder).gradebook as gradebook:
        for cell in gradebook.find_submission_notebook("01_tiny", "01_tiny", "ben").grades:
            cell.manual_score = 0
        gradebook.db.commit()
    page = late_class.folder / "feedback" / "ben" / "01_tiny" / "01_tiny.html"
    before = page.stat().st_mtime_ns
    set_due_date(late_class, DUE)
    grade_it(late_class)
    assert penalties_of(late_class)["ben"] == 0  # as nbgrader writes it for a late submission
    assert page.stat().st_mtime_ns == before


def test_an_extension_of_one_student_counts(late_class):
    with open_api(late_class.folder).gradebook as gradebook:
        gradebook.grant_extension("01_tiny", "cy", days=2)
    grade_it(late_class)
    assert grades_of(late_class)["cy"] == (2, 1.5)
    set_due_date(late_class, None)  # nbgrader cannot add an extension to no date
    grade_it(late_class)
    assert grades_of(late_class)["cy"] == (2, 2)


def test_an_answer_graded_by_hand_afterwards_pays_the_rest_of_the_penalty(late_class):
    set_policy(late_class, 1.5)
    grade_it(late_class)
    assert grades_of(late_class)["cy"] == (2, 0)  # 4.5 points, but there are only two
    with open_api(late_class.folder).gradebook as gradebook:
        gradebook.find_grade("tiny-written", "01_tiny", "01_tiny", "cy").manual_score = 2
        gradebook.db.commit()
    grade_it(late_class)
    assert penalties_of(late_class)["cy"] == 4
    assert grades_of(late_class)["cy"] == (4, 0)


def test_after_all_changes_the_gradebook_is_as_after_an_undisturbed_run(
    late_class, tmp_path, tiny_course, notebook, empty_gradebook, monkeypatch
):
    set_due_date(late_class, "2026-04-01 12:00:00 UTC")
    grade_it(late_class)
    set_policy(late_class, 0.25, grace_hours=2)
    grade_it(late_class)
    set_due_date(late_class, "2026-05-01 12:30:00 UTC")
    grade_it(late_class)

    # In the other class only nbgrader's own step works: a penalty is set while autograding.
    monkeypatch.setattr(grading, "refresh_penalties", lambda api, log: Refreshed())
    undisturbed = new_class(tmp_path, tiny_course, notebook, empty_gradebook)
    set_policy(undisturbed, 0.25, grace_hours=2)
    set_due_date(undisturbed, "2026-05-01 12:30:00 UTC")
    grade_it(undisturbed)
    assert penalties_of(undisturbed) == penalties_of(late_class)
    assert penalties_of(undisturbed) == {"ada": None, "ben": 0.25, "cy": 0.5, "dora": None}
    assert grades_of(undisturbed) == grades_of(late_class)
    assert pages_of(undisturbed) == pages_of(late_class)


def test_a_regrade_gives_the_same_penalty(late_class, notebook):
    before = penalties_of(late_class)
    report = grade_it(late_class, again=True)
    assert len(report.graded) == len(HANDED_IN)
    assert penalties_of(late_class) == before


def test_a_stop_between_penalty_and_page_costs_no_page(late_class, monkeypatch):
    set_policy(late_class, 1)
    api = open_api(late_class.folder)
    monkeypatch.setattr(api, "generate_feedback", lambda *_, **__: pytest.fail("stopped"))
    with pytest.raises(pytest.fail.Exception):
        refresh_penalties(api, late_class.folder / "log")
    assert not pages_of(late_class).get("cy")
    report = grade_it(late_class)
    assert sorted(submission.student for submission in report.graded) == ["ben", "cy"]
    assert pages_of(late_class)["cy"]


def test_a_policy_that_is_no_number_is_one_line(late_class):
    set_policy(late_class, -1)
    with pytest.raises(CourseError, match="nbgrader_config.py, points for late submissions: .*points_per_day"):
        grade_it(late_class)


def test_another_plugin_of_nbgraders_works_as_well(late_class):
    api = open_api(late_class.folder, LateSubmissionPlugin={"penalty_method": "zero"})
    api.config.AssignLatePenalties.plugin_class = "nbgrader.plugins.LateSubmissionPlugin"
    assert AssignLatePenalties(parent=api).plugin_class is not LatePointsPerDay
    refresh_penalties(api, late_class.folder / "log")
    assert penalties_of(late_class) == {"ada": None, "ben": 2, "cy": 2, "dora": None}


def test_times_are_compared_in_utc(late_class):
    # 15:00 UTC, when ben handed in. nbgrader takes "+0200" after a space for 200 seconds, so zones go by
    # name.
    set_due_date(late_class, "2026-05-01 17:00:00 Europe/Berlin")
    grade_it(late_class)
    assert grades_of(late_class)["ben"] == (2, 2)
    with open_api(late_class.folder).gradebook as gradebook:
        assert gradebook.find_assignment("01_tiny").duedate == datetime.datetime(2026, 5, 1, 15)


def test_a_record_counts_before_a_students_own_file_and_the_report_says_where_there_is_none(late_class):
    stamps = {path.parent.parent.name: path for path in (late_class.folder / "submitted").glob("*/*/timestamp.txt")}
    table, before = late_class.folder / "handed_in.csv", stamps["cy"].read_text()
    try:
        table.write_text("student_id,assignment,handed_in\ncy,01_tiny,2026-05-03 13:00:00 UTC\n")
        stamps["cy"].write_text("2020-01-01 00:00:00 UTC")
        report = grade_it(late_class)
        assert grades_of(late_class)["cy"] == (2, 0.5) and pages_of(late_class)["cy"]
        (line,) = [note for note in report.notes if "timestamp.txt" in note]
        assert line.startswith("01_tiny: ") and "of ada, ben;" in line
        assert list(read_class(late_class.folder).own_word) == [line]
        table.unlink()
        grade_it(late_class)
        assert grades_of(late_class)["cy"] == (2, 2)
        with (late_class.folder / "nbgrader_config.py").open("a") as config:
            config.write('c.TimeOfSubmission.source = "recorded only"\n')
        assert not [note for note in grade_it(late_class).notes if "timestamp.txt" in note]
        assert set(penalties_of(late_class).values()) == {None}
        set_policy(late_class, 0)
    finally:
        table.unlink(missing_ok=True)
        stamps["cy"].write_text(before)


def test_nothing_is_said_of_times_where_lateness_costs_nothing(late_class):
    set_policy(late_class, 0)
    assert not [note for note in grade_it(late_class).notes if "timestamp.txt" in note]
