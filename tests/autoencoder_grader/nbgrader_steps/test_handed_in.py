"""When a submission was handed in: texts that say it, texts that leave it open, and whose word counts."""

import datetime
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from autoencoder_grader.nbgrader_steps import handed_in
from autoencoder_grader.nbgrader_steps.handed_in import (
    HandedIn,
    NoTime,
    Times,
    own_word_lines,
    problem_with_stamp,
    read_time,
)
from autoencoder_helpers.errors import CourseError
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import parse_utc
from traitlets.config import Config

NOON = datetime.datetime(2026, 5, 1, 12)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01 12:00:00 UTC",
        "2026-05-01 12:00:00.000000 UTC\n",
        "2026-05-01T12:00:00Z",
        "2026-05-01T14:00:00+02:00",
        "2026-05-01 14:00:00+0200",
        "2026-05-01 14:00:00 Europe/Berlin",
        "2026-05-01 12:00",
        "2026-05-01 12:00:00 GMT",
    ],
)
def test_a_time_is_read_as_it_is_written(text):
    assert read_time(text) == NOON == parse_utc(text.strip())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-05-01 20:30:00 CEST", "CEST is no time zone that is the same everywhere"),
        ("2026-05-01 20:30:00 EST", "EST is no time zone"),
        ("20:30:00 CEST", "is not written as"),
        ("01/05/2026", "is not written as"),
        ("01/05/2026 20:30:00 UTC", "is not written as"),
        ("2026-05-01 20:30:00 +0200", "is not written as"),
        ("2026-05-01 20:30:00 +02:00", "is not written as"),
        ("20:30", "is not written as"),
        ("May 2026", "is not written as"),
        ("2026", "is not written as"),
        ("2026-05-01", "is not written as"),
        ("1 May 2026 20:30", "is not written as"),
        ("1777640400", "is not written as"),
        ("now", "is not written as"),
        ("٢٠٢٦-05-01 20:30:00", "is not written as"),
        ("2026-02-30 12:00:00 UTC", "is no time"),
        ("2026-05-01 25:00:00 UTC", "is no time"),
        ("2026-05-01 12:00:00 Mars/Base", "Mars/Base is no time zone"),
        ("2026-10-25 02:30:00 Europe/Berlin", "comes twice or not at all"),
        ("2026-03-29 02:30:00 Europe/Berlin", "comes twice or not at all"),
        ("0001-01-01T00:00:00+14:00", "is no time"),
    ],
)
def test_a_text_that_leaves_the_time_open_is_refused_with_the_reason(text, reason, tmp_path):
    with pytest.raises(NoTime, match=reason):
        read_time(text)
    (tmp_path / "timestamp.txt").write_text(text, encoding="utf-8")
    line = problem_with_stamp(tmp_path)
    assert "timestamp.txt holds no time of submission" in line and reason in line and "\n" not in line


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 10, b"2026-05-01 12:00:00 UTC " + b"x" * 10_000])
def test_whatever_bytes_stand_there_the_line_is_short(content, tmp_path):
    (tmp_path / "timestamp.txt").write_bytes(content)
    assert len(problem_with_stamp(tmp_path).removeprefix(str(tmp_path))) < 250


def test_no_long_file_is_read_for_a_time(tmp_path, monkeypatch):
    (tmp_path / "timestamp.txt").write_text(" " * 2000 + "2026-05-01 12:00:00 UTC")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("it was read"))
    assert "longer than any time" in problem_with_stamp(tmp_path)


def test_no_file_and_an_empty_one_say_nothing_and_are_no_problem(tmp_path):
    assert problem_with_stamp(tmp_path) is None
    (tmp_path / "timestamp.txt").write_text("\n")
    assert problem_with_stamp(tmp_path) is None


# ------------------------------------------------------------------------------------------------- whose word counts


@pytest.fixture
def course(tmp_path):
    """A function that makes an API of a course with an exchange; ada has handed in, and her own file says 2020."""
    folder = tmp_path / "course"
    hand_in(folder / "submitted" / "ada" / "01_tiny", "2020-01-01 00:00:00 UTC")

    def api(source="recorded first"):
        config = Config()
        config.CourseDirectory.root, config.CourseDirectory.course_id = str(folder), "autoencoders"
        config.Exchange.root = str(tmp_path / "exchange")
        config.TimeOfSubmission.source = source
        from nbgrader.apps.api import NbGraderAPI

        return NbGraderAPI(config=config, coursedir=CourseDirectory(config=config))

    return SimpleNamespace(folder=folder, inbound=tmp_path / "exchange" / "autoencoders" / "inbound", api=api)


def hand_in(folder, stamp, notebook="{}", weights=b"w"):
    (folder / "weights").mkdir(parents=True)
    (folder / "01_tiny.ipynb").write_text(notebook)
    (folder / "weights" / "net.npz").write_bytes(weights)
    (folder / "timestamp.txt").write_text(stamp)


def now():
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)


def test_a_students_own_file_is_believed_where_nothing_else_is_known_and_that_is_told(course):
    found = Times(course.api()).of("ada", "01_tiny")
    assert found == HandedIn(datetime.datetime(2020, 1, 1), own_word=True)
    assert Times(course.api()).of("ben", "01_tiny") is None


def test_an_instructor_may_let_records_count_alone_or_believe_every_file(course):
    assert Times(course.api("recorded only")).of("ada", "01_tiny") == HandedIn(None)
    assert Times(course.api("timestamp.txt")).of("ada", "01_tiny") == HandedIn(datetime.datetime(2020, 1, 1))


def test_what_the_exchange_got_counts_before_the_file(course):
    when = now()
    hand_in(course.inbound / f"ada+01_tiny+{when} UTC+x", "2020-01-01 00:00:00 UTC")
    assert Times(course.api()).of("ada", "01_tiny") == HandedIn(when)
    assert Times(course.api("recorded only")).of("ada", "01_tiny") == HandedIn(when)
    assert Times(course.api("timestamp.txt")).of("ada", "01_tiny").when.year == 2020


@pytest.mark.parametrize(
    "other", [{"notebook": "other"}, {"weights": b"other"}, {"stamp": "x", "name": "ben+01_tiny+{} UTC"}]
)
def test_the_exchange_says_nothing_of_other_files(course, other):
    name = other.pop("name", "ada+01_tiny+{} UTC").format(now())
    hand_in(course.inbound / name, other.pop("stamp", "x"), **other)
    assert Times(course.api()).of("ada", "01_tiny").own_word


def test_a_folder_of_the_exchange_whose_name_is_older_than_it_is_no_record(course):
    hand_in(course.inbound / "ada+01_tiny+2020-01-01 00:00:00 UTC+x", "2020-01-01 00:00:00 UTC")
    hand_in(course.inbound / "ada+01_tiny+yesterday", "x")
    hand_in(course.inbound / "nonsense", "x")
    os.symlink(course.inbound / "nonsense", course.inbound / f"ada+01_tiny+{now()} UTC")
    assert Times(course.api()).of("ada", "01_tiny").own_word


def test_a_table_from_the_platform_counts_before_all(course):
    hand_in(course.inbound / f"ada+01_tiny+{now()} UTC+x", "2020-01-01 00:00:00 UTC")
    (course.folder / "handed_in.csv").write_text(
        "\ufeffstudent_id,assignment,handed_in\nada,01_tiny,2026-05-01 14:00 Europe/Berlin\n", encoding="utf-8"
    )
    assert Times(course.api()).of("ada", "01_tiny") == HandedIn(NOON)


def test_a_row_that_counts_for_nobody_is_named(course):
    rows = ["Ada,01_tiny", "ada,Tiny networks", "ada,01_tiny", "eve,01_tiny"]
    text = "student_id,assignment,handed_in\n" + "".join(f"{row},2026-05-01 12:00:00 UTC\n" for row in rows)
    (course.folder / "handed_in.csv").write_text(text, encoding="utf-8")
    assert Times(course.api()).in_vain(["ada", "ben"], ["01_tiny"]) == [
        "handed_in.csv: no assignment is named 'Tiny networks'; its rows count for nobody",
        "handed_in.csv: 'Ada' is no student, 'ada' is; correct it, or its rows count for nobody",
    ]
    assert Times(course.api("timestamp.txt")).in_vain(["ada"], []) == []


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (b"student_id,assignment\nada,01_tiny\n", "line 2: it needs the columns"),
        (b"student_id,assignment,handed_in\nada,01_tiny,yesterday\n", "line 2: 'yesterday' is not written as"),
        (b"student_id,assignment,handed_in\nada\n", "line 2: it needs"),
        (b"\xff\xfe", "cannot be read"),
        (b"student_id,assignment,handed_in\n\x00,,\n", "line 2|cannot be read"),
    ],
)
def test_a_damaged_table_is_one_line(course, table, line):
    (course.folder / "handed_in.csv").write_bytes(table)
    with pytest.raises(CourseError, match=line) as raised:
        Times(course.api())
    assert "handed_in.csv" in str(raised.value) and "\n" not in str(raised.value)


def test_a_setting_that_there_is_not_is_one_line(course):
    with pytest.raises(CourseError, match="nbgrader_config.py, time of submission"):
        Times(course.api("the student"))


def test_many_students_are_one_line_for_each_assignment():
    lines = own_word_lines([(f"s{n}", "01_a") for n in range(9)] + [("s1", "02_b")])
    assert len(lines) == 2 and "s0, s1, s2, s3, s4 and 4 more" in lines[0] and handed_in.TABLE in lines[1]
