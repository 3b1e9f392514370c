"""The files for Moodle, Canvas and spreadsheets: their columns, who is in them, and what is refused."""

import csv
import datetime
import re
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_grader import cli
from autoencoder_grader.files import whole_files
from autoencoder_grader.nbgrader_steps import export
from autoencoder_grader.nbgrader_steps.export import FORMATS, CsvExport, export_grades
from autoencoder_grader.nbgrader_steps.late import LatePointsPerDay
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner
from nbgrader.plugins import CsvExportPlugin

DENSE, FLOWERS = "01_dense", "04_flowers"
STUDENTS = {
    "ada": {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "lms_user_id": "101"},
    "ben": {"first_name": "Ben", "last_name": "=1+1", "email": "ben@example.org", "lms_user_id": "102"},
    "cy": {"first_name": "Cy, Jr.", "last_name": 'O"Neil', "email": "cy@example.org", "lms_user_id": "103"},
    "dora": {},
}


@pytest.fixture
def course(tmp_path, empty_gradebook, tiny_course):
    """A gradebook of a class; ada has all, ben lost points, cy waits and was late, dora is not graded."""
    made = tiny_course(tmp_path, empty_gradebook)
    with open_api(tmp_path).gradebook as gradebook:
        for assignment in (DENSE, FLOWERS, "09_nobody"):
            gradebook.add_assignment(assignment, duedate="2026-05-01 12:00:00")
            gradebook.add_notebook(assignment, assignment)
            gradebook.add_grade_cell("check", assignment, assignment, max_score=10, cell_type="code")
            gradebook.add_grade_cell("written", assignment, assignment, max_score=2, cell_type="markdown")
        for student, about in STUDENTS.items():
            gradebook.add_student(student, **about)
        for student, points, by_hand in (
            ("ada", 10, 2),
            ("ben", 7.123456, 0),
            ("cy", 8, None),
            ("dora", None, None),
        ):
            gradebook.add_submission(DENSE, student, timestamp="2026-05-02 13:00:00" if student == "cy" else None)
            check = gradebook.find_grade("check", DENSE, DENSE, student)
            check.auto_score, check.needs_manual_grade = points, points is None
            written = gradebook.find_grade("written", DENSE, DENSE, student)
            written.manual_score, written.needs_manual_grade = by_hand, by_hand is None
        gradebook.add_submission(FLOWERS, "ada")
        gradebook.find_grade("check", FLOWERS, FLOWERS, "ada").auto_score = 9.5
        gradebook.db.commit()
    return made


def read(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write(course, file_format, **settings):
    """Export with settings of the format; return the rows and the remarks."""
    section = {FORMATS[file_format].__name__: settings}
    to = course.folder / f"out-{file_format}.csv"
    path, remarks = export_grades(open_api(course.folder, **section), to, file_format)
    return read(path), remarks


def set_student(course, student, **about):
    with open_api(course.folder).gradebook as gradebook:
        gradebook.update_or_create_student(student, **about)


def run(course, *arguments):
    return CliRunner().invoke(cli.main, ["--course", str(course.folder), "export", *map(str, arguments)])


# ------------------------------------------------------------------------------------------------ Moodle


def test_moodle_gets_a_line_for_each_student_and_a_column_for_each_assignment(course):
    rows, _ = write(course, "moodle")
    assert rows == [
        ["First name", "Last name", "Username", "ID number", "Email address", DENSE, FLOWERS],
        ["Ben", "'=1+1", "ben", "102", "ben@example.org", "7.1235", ""],
        ["Ada", "Lovelace", "ada", "101", "ada@example.org", "12", "9.5"],
        ["Cy, Jr.", 'O"Neil', "cy", "103", "cy@example.org", "8", ""],
    ]


def test_moodle_finds_each_line_of_the_file_by_the_chosen_column(course):
    """Moodle gives what stands beside an empty identifier to the student of the line before."""
    set_student(course, "dora", lms_user_id="104")
    for setting, column in (("email", "Email address"), ("lms_user_id", "ID number"), ("id", "Username")):
        rows, remarks = write(course, "moodle", identify_by=setting)
        cells = [row[rows[0].index(column)] for row in rows[1:]]
        assert all(cells) and len(set(cells)) == len(cells)
        assert len(cells) == (3 if setting == "email" else 4)
        assert any("dora" in line and "email" in line for line in remarks) == (setting == "email")


@pytest.mark.parametrize("email", ["", "  ", "no address", "=cmd()@example.org", "-a@example.org", "@example.org"])
def test_an_email_address_that_moodle_cannot_compare_leaves_the_student_out_and_says_so(course, email):
    set_student(course, "ada", email=email)
    rows, remarks = write(course, "moodle")
    assert [row[2] for row in rows[1:]] == ["ben", "cy"]
    line = next(line for line in remarks if line.startswith("not in the file"))
    assert "without an email address that can be imported" in line and "ada, dora" in line


def test_moodle_reads_each_line_with_the_same_number_of_columns(course):
    rows, _ = write(course, "moodle")
    assert {len(row) for row in rows} == {7}


# ------------------------------------------------------------------------------------------------ Canvas


def canvas_importer(rows):
    """What Canvas's importer makes of a file, by its own rules: students by id, points by assignment."""
    header, *lines = rows
    assert "Student" in header[0] and "ID" in header[1]
    assert re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3])
    assert "Section" in header[4]
    assignments = header[5:]
    possible, students = None, {}
    for line in lines:
        if "Points Possible" in line[0]:
            assert possible is None, "two lines set the points possible"
            possible = dict(zip(assignments, line[5:], strict=True))
        else:
            students[line[1] or line[2] or line[3]] = dict(zip(assignments, line[5:], strict=True))
    return possible, students


def test_canvas_finds_students_assignments_and_the_points_possible(course):
    rows, remarks = write(course, "canvas")
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", DENSE, FLOWERS]
    assert rows[1] == ["    Points Possible", "", "", "", "", "12", "12"]
    assert rows[2] == ["'=1+1, Ben", "102", "", "ben", "", "7.1235", ""]
    assert rows[4] == ['O"Neil, Cy, Jr.', "103", "", "cy", "", "8", ""]
    possible, students = canvas_importer(rows)
    assert possible == {DENSE: "12", FLOWERS: "12"}
    assert students["101"] == {DENSE: "12", FLOWERS: "9.5"}
    assert any("without a number as lms_user_id in the gradebook: dora" in line for line in remarks)


def test_the_id_of_the_institution_goes_to_its_own_column(course):
    set_student(course, "ada", lms_user_id="S-101")
    rows, remarks = write(course, "canvas", lms_user_id_is="SIS User ID")
    assert [row[1:4] for row in rows if row[0] == "Lovelace, Ada"] == [["", "S-101", "ada"]]
    rows, remarks = write(course, "canvas")  # Canvas would read 12ab as user 12
    assert "S-101" not in str(rows)
    assert any("ada, dora" in line for line in remarks)


def test_nobody_can_be_taken_for_the_points_possible(course):
    set_student(course, "ada", last_name="Points Possible")
    rows, _ = write(course, "canvas")
    assert canvas_importer(rows)[0] == {DENSE: "12", FLOWERS: "12"}
    assert ["ada", "101", "", "ada", "", "12", "9.5"] in rows
    set_student(course, "points  possible", lms_user_id="107")
    rows, _ = write(course, "canvas")
    assert ["a student", "107", "", "points  possible", "", "", ""] in rows


def test_an_assignment_may_have_another_name_on_the_platform(course):
    for file_format in ("canvas", "moodle"):
        rows, _ = write(course, file_format, column_names={DENSE: "Dense autoencoder (4711)"})
        assert rows[0][5:] == ["Dense autoencoder (4711)", FLOWERS]


# ------------------------------------------------------------------------------------------- plain CSV


def test_plain_csv_has_nbgraders_columns_and_numbers(course):
    api = open_api(course.folder)
    with api.gradebook as gradebook:
        for student in ("ben", "cy"):  # nbgrader writes no quotes
            gradebook.update_or_create_student(student, first_name="x", last_name="y")
    rows, _ = write(course, "csv")
    theirs = CsvExportPlugin(parent=api, to=str(course.folder / "theirs.csv"))
    with api.gradebook as gradebook:
        theirs.export(gradebook)
    expected = read(theirs.to)
    assert rows[0] == expected[0]
    # Where nothing was handed in or graded, nbgrader writes a zero.
    first, last = rows[0].index("raw_score"), rows[0].index("score")
    graded = {(DENSE, "ada"), (DENSE, "ben"), (DENSE, "cy"), (FLOWERS, "ada")}
    for row in expected[1:]:
        if (row[0], row[3]) not in graded:
            row[first : last + 1] = ["", "", ""]
    assert rows == expected


def test_what_was_not_graded_is_no_zero(course):
    for file_format in FORMATS:
        set_student(course, "dora", email="dora@example.org", lms_user_id="104")
        rows, remarks = write(course, file_format)
        dora = next(row for row in rows if "dora" in row)
        points = rows[0].index("score" if file_format == "csv" else DENSE)
        assert dora[points] == ""
        assert "handed in but not graded, so without points in the file: dora/01_dense" in remarks


def test_no_submission_is_an_empty_cell(course):
    for file_format in FORMATS:
        set_student(course, "emil", email="emil@example.org", lms_user_id="105")
        rows, remarks = write(course, file_format)
        emil = next(row for row in rows if "emil" in row and (file_format != "csv" or row[0] == DENSE))
        assert emil[rows[0].index("score" if file_format == "csv" else DENSE)] == ""
        assert "emil" not in " ".join(remarks)


def test_students_who_may_be_one_are_named(course):
    set_student(course, "Ada", email="ada2@example.org", lms_user_id="106")
    _, remarks = write(course, "csv")
    assert any("perhaps one: Ada, ada" in line for line in remarks)


def test_answers_that_wait_for_a_person_are_named(course):
    _, remarks = write(course, "csv")
    assert "answers that wait for a grade by hand count 0 so far: ada/04_flowers, cy/01_dense" in remarks


def test_names_of_all_kinds_stay_in_their_cells(course):
    set_student(course, "ada", first_name='+1"', last_name="Ł;@x\n=y")
    rows, _ = write(course, "csv")
    row = next(row for row in rows if row[3] == "ada")
    assert row[4:6] == ["Ł;'@x =y", "'+1\""]


def test_a_penalty_counts_as_the_due_date_and_the_policy_are_now(course):
    policy = {
        "AssignLatePenalties": {"plugin_class": LatePointsPerDay},
        "LatePointsPerDay": {"points_per_day": 1.5},
    }
    for file_format in FORMATS:
        to = course.folder / "late.csv"
        export_grades(open_api(course.folder, **policy), to, file_format)
        row = next(row for row in read(to) if "cy" in row)
        assert ("5.0" if file_format == "csv" else "5") in row  # 8 points, two days begun
        export_grades(open_api(course.folder), to, file_format)
        row = next(row for row in read(to) if "cy" in row)
        assert ("8.0" if file_format == "csv" else "8") in row


# ------------------------------------------------------------------------------------- one way or the other


@pytest.mark.parametrize("file_format", FORMATS)
def test_nbgrader_export_writes_the_same(course, file_format):
    ours = course.folder / "ours.csv"
    assert run(course, "--format", file_format, "--assignment", DENSE, "--to", ours).exit_code == 0
    theirs = course.folder / "theirs.csv"
    plugin = f"autoencoder_grader.nbgrader_steps.export.{FORMATS[file_format].__name__}"
    command = ["export", f"--exporter={plugin}", "--to", str(theirs), f"--assignment=['{DENSE}']"]
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command], cwd=course.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert theirs.read_bytes() == ours.read_bytes()
    assert "wait for a grade by hand" in done.stderr


def test_nbgraders_default_is_our_plain_csv(course):
    config = open_api(course.folder).config
    assert config.ExportApp.plugin_class is CsvExport


def test_the_command_knows_all_formats(course):
    choices = next(option for option in cli.export.params if option.name == "file_format").type.choices
    assert list(choices) == list(FORMATS)


def test_the_command_writes_beside_the_course_and_says_who_is_missing(course):
    done = run(course, "--format", "moodle")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"grades: {course.folder / 'moodle.csv'}\n"
    lines = done.stderr.splitlines()
    assert all(line.startswith("autoencoder-course: ") for line in lines) and len(lines) == 3
    assert any(line.endswith("in the gradebook: dora") for line in lines)


def test_one_assignment_can_be_wanted(course):
    done = run(course, "--format", "canvas", "--assignment", FLOWERS, "--to", course.folder / "x.csv")
    assert done.exit_code == 0
    rows = read(course.folder / "x.csv")
    assert rows[0][5:] == [FLOWERS]


# ---------------------------------------------------------------------------------------------- bad input


def files_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix == ".csv"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--assignment", "01_dens"],
            "no assignment '01_dens' in the gradebook; there are: 01_dense, 04_flowers",
        ),
        (["--to", "{course}"], "is a folder"),
        (["--to", "{course}/none/x.csv"], "cannot be written: No such file or directory"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(course, arguments, words):
    before = files_in(course.folder)
    done = run(course, *(text.format(course=course.folder) for text in arguments))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and words in done.stderr
    assert files_in(course.folder) == before
    assert not list(course.folder.rglob("*.partial"))


def test_two_students_with_one_identity_are_refused(course):
    set_student(course, "cy", email="ADA@example.org", lms_user_id="101")
    for file_format in ("moodle", "canvas"):
        with pytest.raises(CourseError, match="ada and cy are both .*; nothing was written"):
            write(course, file_format)
        assert not (course.folder / f"out-{file_format}.csv").exists()


def test_an_identity_in_another_form_of_its_letters_is_the_same(course):
    set_student(course, "ada", email="zoé@example.org")
    set_student(course, "cy", email="ZOE\u0301@example.org")
    with pytest.raises(CourseError, match="ada and cy are both .*; nothing was written"):
        write(course, "moodle")


def test_a_file_without_anybody_is_not_written(course):
    for student in STUDENTS:
        set_student(course, student, email=None, lms_user_id=None)
    for file_format, words in (("moodle", "an email address"), ("canvas", "a number as lms_user_id")):
        done = run(course, "--format", file_format)
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"no student has {words}" in done.stderr and done.stderr.count("\n") == 1
        assert not (course.folder / f"{file_format}.csv").exists()


def test_a_student_that_is_not_there_is_refused(course):
    plugin = CsvExport(parent=open_api(course.folder), to=str(course.folder / "x.csv"), student=["zoe"])
    with open_api(course.folder).gradebook as gradebook, pytest.raises(CourseError, match="no student 'zoe'"):
        plugin.write(gradebook)


def test_a_failing_write_leaves_the_old_file(course, monkeypatch):
    to = course.folder / "grades.csv"
    to.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files.os, "replace", full)
    done = run(course)
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
    assert to.read_text() == "old"
    assert not list(course.folder.glob("*.partial"))


def test_without_a_gradebook_none_is_made(tmp_path, tiny_course):
    made = tiny_course(tmp_path)
    done = run(made)
    assert done.exit_code == 1 and "autoencoder-course grade" in done.stderr
    assert not (tmp_path / "gradebook.db").exists()


def test_an_empty_gradebook_is_one_line(graded_course):
    done = run(graded_course)
    assert done.exit_code == 1 and "no assignments yet" in done.stderr


def test_a_name_that_is_no_text_spoils_neither_file_nor_terminal(course):
    set_student(course, "z\x1b[2J", email="z@example.org", last_name="\x1b]0;title\x07")
    set_student(course, "y\x1b[2J", first_name="y")
    rows, remarks = write(course, "moodle")
    assert ["", "]0;title", "z [2J", "", "z@example.org", "", ""] in rows
    assert not any("\x1b" in line for line in remarks) and any("y\ufffd[2J" in line for line in remarks)


def test_a_long_list_of_students_is_cut(course):
    for number in range(20):
        set_student(course, f"s{number:02}", first_name="x")
    _, remarks = write(course, "moodle")
    line = next(line for line in remarks if line.startswith("not in the file"))
    assert line.endswith(" and 11 more")


def test_the_due_date_is_written_in_utc(course):
    rows, _ = write(course, "csv")
    assert datetime.datetime.fromisoformat(rows[1][1]) == datetime.datetime(2026, 5, 1, 12)
    assert export.FORMATS["csv"] is CsvExport
