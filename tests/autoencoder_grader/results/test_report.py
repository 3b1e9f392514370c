"""The class report: what is read, what is drawn, what the page says, and that nothing on it acts."""

import base64
import datetime
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from autoencoder_grader import cli
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.results.class_results import (
    NOT_GRADED,
    ClassResults,
    SubmissionResult,
    check_costs,
    read_class,
)
from autoencoder_grader.results.copies import Likeness
from autoencoder_grader.results.graded_notebooks import NO_ANSWER, CheckRow
from autoencoder_grader.results.report import report_page
from autoencoder_grader.results.report_figures import costs_picture, points_picture, times_picture
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner
from rich.console import Console
from tiny_class import DIES, ROUNDS_DOWN

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
NASTY = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\x1b[2J'


class Page(HTMLParser):
    """The text of a page, and its elements with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self._skip = [], "", 0
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._skip += tag == "style"

    def handle_endtag(self, tag):
        self.text += " "
        self._skip -= tag == "style"

    def handle_data(self, data):
        if not self._skip:
            self.text += data


def row(student, check, points, *mistakes, most=2.0, assignment="01_tiny", written=False):
    reasons = tuple(f"{name} was seen at {student}" for name in mistakes)
    return CheckRow(student, assignment, check, points, most, written, reasons, mistakes)


ROWS = [
    row("ada", "conv.sides", 2.0),
    row("ben", "conv.sides", 1.0, "rounded-down"),
    row("cy", "conv.sides", 0.0, "rounded-down", "no-batch-axis"),
    row("ada", "dense.encoder", 1.5, "missing-sigmoid"),
    row("ben", "dense.encoder", 2.0),
    row("cy", "written", None, written=True),
]


def results(*entries, rows=ROWS, problems=()):
    entries = entries or (
        SubmissionResult("ada", "01_tiny", "graded", (), 3.5, 4.0, seconds=12.3, waiting=1),
        SubmissionResult("ben", "01_tiny", "student error", ("the kernel ended",), 3.0, 4.0, penalty=0.5),
        SubmissionResult("cy", "01_tiny", NOT_GRADED, ("run grade",)),
    )
    names = tuple(sorted({entry.assignment for entry in entries}))
    return ClassResults("autoencoders", tuple(entries), tuple(check_costs(rows)), problems, names)


# --------------------------------------------------------------------------------------------- what it reads


def test_checks_are_listed_by_what_they_cost_with_their_mistakes():
    sides, encoder = check_costs(ROWS)
    assert (sides.check, sides.lost, sides.possible, sides.losers, sides.graded) == ("conv.sides", 3, 6, 2, 3)
    assert [(mistake.name, mistake.count) for mistake in sides.mistakes] == [
        ("rounded-down", 2),
        ("no-batch-axis", 1),
    ]
    assert sides.mistakes[0].example == "rounded-down was seen at ben"
    assert (encoder.check, encoder.lost) == ("dense.encoder", 0.5)


def test_what_holds_for_a_machine_is_said_once_and_calls_for_nobody():
    entries = [
        SubmissionResult(student, "01_tiny", "graded", (), 3.5, 4.0, notices=("ran without a network",))
        for student in ("ada", "ben")
    ]
    page = Page(report_page(results(*entries), NOW))
    assert page.text.count("All 2 ran without a network.") == 1
    assert "Nothing else: each submission ran to its end, without a note." in page.text
    assert results(entries[0]).notices == ["It ran without a network."]


def test_a_mistake_named_twice_by_a_check_counts_once_and_what_a_person_took_off_has_no_name():
    (cost,) = check_costs([row("ada", "a", 0.0, "x", "x"), CheckRow("ben", "01_tiny", "a", 1.0, 2.0, reasons=("hm",))])
    assert [(mistake.name, mistake.count) for mistake in cost.mistakes] == [("by hand", 1), ("x", 1)]
    (cost,) = check_costs([CheckRow("ben", "01_tiny", "a", 0.0, 2.0, True, reasons=(NO_ANSWER,))])
    assert cost.mistakes[0].name == "no answer"
    (cost,) = check_costs([CheckRow("ben", "01_tiny", "a", 0.0, 2.0, False, ("odd",), ("",))])
    assert cost.mistakes[0].name == "without a name"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, tiny_course, notebook, empty_gradebook, rules):
    """A class: ada is right, ben rounds down, cy's kernel dies, dora handed nothing readable in."""
    course = tiny_course(tmp_path_factory.mktemp("report"), empty_gradebook)
    course.hand_in("ada", "01_tiny", notebook("tiny"))
    course.hand_in("ben", "01_tiny", notebook("tiny", write_sides=ROUNDS_DOWN))
    course.hand_in("cy", "01_tiny", notebook("tiny", train_net=DIES))
    course.hand_in("dora", "01_tiny", notebook("tiny")).write_text("{")
    (course.folder / "submitted" / "loose.txt").write_text("")
    grade(course.folder, console=Console(file=io.StringIO()), trusted=True)
    return course


def test_a_graded_class_is_read_as_it_was_graded(graded):
    found = read_class(graded.folder)
    by_student = {entry.student: entry for entry in found.submissions}
    assert {name: (entry.status, entry.points) for name, entry in by_student.items()} == {
        "ada": ("graded", 2),
        "ben": ("graded", 1.5),
        "cy": ("student error", 1),
        "dora": (NOT_GRADED, 0),
    }
    assert [name for name, entry in by_student.items() if entry.needs_a_person] == ["cy", "dora"]
    assert "the kernel ended" in by_student["cy"].notes[0]
    assert by_student["ada"].waiting == 1 and by_student["ada"].max_points == 2
    assert by_student["ada"].seconds > 0
    costs = {cost.check: cost for cost in found.costs}
    assert costs["conv.sides"].lost == 0.5 and costs["conv.sides"].mistakes[0].name == "rounded-down"
    assert any("loose.txt" in line for line in found.problems)


def test_the_command_writes_the_page_into_build(graded):
    done = CliRunner().invoke(cli.main, ["--course", str(graded.folder), "report"])
    assert done.exit_code == 0, done.output
    path = graded.folder / "build" / "report.html"
    assert done.stdout == f"report: {path}\n"
    text = Page(path.read_text(encoding="utf-8")).text
    assert "3 of 4 submissions graded, from 4 students" in text
    assert "rounded-down × 1" in text and "cy · 01 tiny" in text
    assert not list(graded.folder.rglob("*.partial"))


def test_without_a_grade_there_is_one_line_and_no_page(tmp_path, tiny_course, empty_gradebook):
    for course in (tiny_course(tmp_path), tiny_course(tmp_path, empty_gradebook)):
        done = CliRunner().invoke(cli.main, ["--course", str(course.folder), "report"])
        assert done.exit_code == 1 and "autoencoder-course grade" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not list(tmp_path.rglob("report.html"))


def test_a_place_that_cannot_be_written_is_one_line(graded):
    done = CliRunner().invoke(cli.main, ["--course", str(graded.folder), "report", "--to", "/no/such/place.html"])
    assert done.exit_code == 1 and "/no/such/place.html cannot be written" in done.stderr


def test_grades_stay_readable_when_submissions_lie_elsewhere(graded):
    submitted = graded.folder / "submitted"
    submitted.rename(graded.folder / "away")
    try:
        assert [entry.student for entry in read_class(graded.folder).submissions] == ["ada", "ben", "cy"]
    finally:
        (graded.folder / "away").rename(submitted)


# ---------------------------------------------------------------------------------------------- what it shows


def test_the_page_says_what_was_read():
    text = Page(report_page(results(problems=("x.ipynb: odd",)), NOW)).text
    assert "2 of 3 submissions graded, from 3 students" in text
    assert "Written answers wait for a grade by hand in formgrader: 1 in 01 tiny." in text
    assert "ben · 01 tiny student error the kernel ended" in text
    assert "cy · 01 tiny not graded run grade" in text
    assert "ada · 01 tiny" not in text.split("Points")[0]
    assert "x.ipynb: odd" in text
    assert "2 graded · median 3.25 of 4 · from 3 to 3.5 · 0 with all points" in text
    assert "conv.sides 01 tiny 3 50 % 2 of 3 rounded-down × 2 One of them: rounded-down was seen at ben" in text
    assert "ada graded 3.5 of 4 waits – 12 s" in text
    assert "ben student error 3 of 4 0 −0.5 –" in text


def test_what_is_too_much_alike_is_named_for_a_person_and_costs_nothing():
    alike = (Likeness("01_tiny", ("ada", NASTY), "identical weights (net.npz)"),)
    html = report_page(replace(results(), likenesses=alike), NOW)
    page = Page(html)
    assert "Too much alike" in page.text and "identical weights (net.npz)" in page.text
    assert "Nobody has lost points for it" in page.text and "ada graded 3.5 of 4" in page.text
    assert "script" not in {tag for tag, _ in page.elements} and "\x1b" not in html
    assert "Too much alike" not in Page(report_page(results(), NOW)).text


def test_columns_without_a_value_are_left_out():
    plain = SubmissionResult("ada", "01_tiny", "graded", (), 4.0, 4.0, seconds=70)
    text = Page(report_page(results(plain, rows=[]), NOW)).text
    assert "lateness" not in text.split("Every submission")[1] and "memory" not in text
    assert "No check cost any points." in text and "Nothing else: each submission ran to its end" in text
    assert "1 min 10 s" in text
    heavy = SubmissionResult("ada", "01_tiny", "graded", (), 4.0, 4.0, memory=3 << 20)
    assert "memory" in Page(report_page(results(heavy, rows=[]), NOW)).text


def test_nothing_that_a_learner_wrote_acts_on_the_page():
    bad = SubmissionResult(NASTY, "01_tiny", "limit", (NASTY,), 1.0, 4.0)
    rows = [CheckRow(NASTY, "01_tiny", NASTY, 0.0, 2.0, False, (NASTY,), (NASTY,))]
    html = report_page(results(bad, rows=rows, problems=(NASTY,)), NOW)
    page = Page(html)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "iframe", "object", "form"})
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "\x1b" not in html
    assert page.text.count("<script>alert(1)</script>") >= 4
    policy = next(attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes)
    assert "default-src 'none'" in policy


def test_the_page_needs_no_other_file():
    page = Page(report_page(results(), NOW))
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "srcset", "href")
    ]
    assert len(addresses) == 6 and all(value.startswith("data:image/svg+xml;base64,") for value in addresses)
    assert "http" not in re.sub(r"data:image/svg\+xml;base64,[\w+/=]*", "", report_page(results(), NOW)).replace(
        "http-equiv", ""
    )


def test_the_page_is_fit_for_phones_and_for_light_and_dark():
    html = report_page(results(), NOW)
    page = Page(html)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.elements
    assert "@media (prefers-color-scheme: dark)" in html and "@media (max-width: 40rem)" in html
    assert all(attributes.get("alt") for tag, attributes in page.elements if tag == "img")


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize("colour", ["ink", "quiet", "alert", "accent"])
def test_text_stands_out_from_the_page_in_both_lights(page, colour):
    colours = dict(re.findall(r"--(\w+): (#\w{6})", re.findall(r":root \{(.*?)\}", report_page(results(), NOW))[page]))
    for ground in ("ground", "card"):
        dark, light = sorted((luminance(colours[ground]), luminance(colours[colour])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


# ----------------------------------------------------------------------------------------------- what it
# draws


def svg(address):
    return ElementTree.fromstring(base64.b64decode(address.partition("base64,")[2]))


def pictures():
    return [
        points_picture([3.0, 4.0, 4.0], 4.0),
        points_picture([0.0], 0.5),
        points_picture([5.0], 4.0),  # more than all: an instructor gave extra credit
        costs_picture(check_costs(ROWS)),
        times_picture({"01_tiny": [3.0, 4.0], "02_$x$": [100.0]}),
    ]


@pytest.mark.parametrize("number", range(5))
def test_each_picture_is_there_for_light_and_dark_and_the_same_each_time(number):
    picture, again = pictures()[number], pictures()[number]
    assert picture == again
    assert picture.light != picture.dark
    for address in (picture.light, picture.dark):
        assert svg(address).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_words_beside_a_picture_have_its_numbers():
    points, _, _, costs, times = pictures()
    assert points.alt == "Histogram of the points of 3 submissions, of at most 4: 3 from 3 to 4; median 4."
    assert costs.alt == "Bars of the points lost in the whole class by check: conv.sides 3, dense.encoder 0.5."
    assert "01_tiny 2 submissions, median 4 s, longest 4 s" in times.alt


def test_a_class_without_any_grade_has_no_report(graded_course):
    with pytest.raises(CourseError):
        read_class(graded_course.folder)
