"""An instructor in JupyterLab: nbgrader's formgrader shows what was graded, takes a grade, and the export has it."""

import csv
import re
import subprocess
import sys

import pytest
from autoencoder_grader.kernels import sandbox
from tiny_class import ROUNDS_DOWN

expect = pytest.importorskip("playwright.sync_api", reason="no playwright here (make setup installs it)").expect

RIGHT = ROUNDS_DOWN.replace("side // 2", "(side + 1) // 2")


def run(course, *arguments):
    """Run our command in the course's folder."""
    command = [sys.executable, "-m", "autoencoder_grader.cli", "--course", str(course), *arguments]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def course(browser, tiny, tmp_path_factory):
    """A tiny course, two of whose students have handed in and are graded."""
    tiny_course = tiny.TinyCourse(tmp_path_factory.mktemp("course"))
    run(tiny_course.folder, "release")
    for student, sides in (("ada", ROUNDS_DOWN), ("ben", RIGHT)):
        answers = {"write_sides": sides, "train_net": "beta = 0.0012", "tiny_written": "Two numbers are few."}
        tiny_course.hand_in(student, "01_tiny", tiny._tiny_notebook("tiny", **answers))
    trusted = [] if sandbox.available() else ["--i-trust-these-submissions"]
    run(tiny_course.folder, "grade", "--workers", "1", *trusted)
    return tiny_course.folder


@pytest.fixture(scope="module")
def page(course, serve, new_page):
    """JupyterLab in the course's folder, as the README says."""
    return new_page(serve([sys.executable, "-m", "jupyterlab"], course))


def test_the_formgrader_shows_cards_takes_a_grade_and_the_export_has_it(page, course, picture):
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    form = page.frame_locator("iframe").first
    listed = form.get_by_role("row").filter(has_text="01_tiny")
    expect(listed).to_contain_text("2")
    expect(page.get_by_role("tab", name="Create Assignment")).to_have_count(1)  # which `lab` does not offer to learners
    picture(page, "formgrader-assignments")

    form.get_by_role("link", name="Manual Grading").first.click()
    form.get_by_role("link", name="01_tiny").first.click()
    form.get_by_role("link", name="01_tiny").last.click()
    expect(form.get_by_role("link", name=re.compile(r"^Submission #\d"))).to_have_count(2)
    picture(page, "formgrader-submissions")
    # Names are hidden, so that nobody grades a name; here the one with a mistake is wanted.
    ada = form.get_by_role("row").filter(has=form.locator("a.name-shown", has_text="ada"))
    expect(ada).to_contain_text("1.5 / 4")
    ada.locator("a.name-hidden").click()

    card = form.get_by_role("group", name="Check conv.sides: partly")
    expect(card).to_contain_text("Found: 3: rounded down")
    points = form.locator("input#conv-sides")
    expect(points).to_have_attribute("placeholder", "0.5")
    # Below the bar that stands above the page.
    points.evaluate("input => window.scrollBy(0, input.getBoundingClientRect().top - 170)")
    picture(page, "formgrader-feedback")

    score = form.locator("input#tiny-written")
    score.fill("1.25")
    with page.expect_response(lambda answer: "/formgrader/api/grade/" in answer.url and answer.request.method == "PUT"):
        score.press("Tab")
    score.scroll_into_view_if_needed()
    picture(page, "formgrader-grade")

    run(course, "export")
    with (course / "grades.csv").open(encoding="utf-8", newline="") as rows:
        assert {row["student_id"]: row["score"] for row in csv.DictReader(rows)} == {"ada": "2.75", "ben": "2.0"}
