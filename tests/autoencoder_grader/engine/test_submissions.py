"""Which submissions can be graded, and the line that is said of those that cannot."""

import json
import os
import time

import pytest
from autoencoder_grader.engine import submissions
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.submissions import Fingerprints, Submission, problem_with
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.release import make_release
from tiny_class import points, quiet

SECRET = "what another student wrote"
pytestmark = pytest.mark.usefixtures("rules")
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs links and FIFOs")


def code(name, source="", **marks):
    metadata = {"nbgrader": marks} if marks else {}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
        "source": source,
    }


@pytest.fixture
def submission(tmp_path):
    folder = tmp_path / "ann" / "ch1"
    folder.mkdir(parents=True)
    return Submission("ann", "ch1", folder)


def hand_in(submission, *cells):
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    submission.notebook.write_text(json.dumps(notebook), encoding="utf-8")


def test_a_notebook_whose_marks_alone_are_lost_can_be_graded(submission):
    hand_in(submission, code("test", "check(1)"))
    assert problem_with(submission, {"test"}) is None
    hand_in(submission, code("other", "check(1)"))
    assert "none of the checks" in problem_with(submission, {"test"})


def test_a_folder_or_a_notebook_elsewhere_is_named(submission):
    submission.notebook.mkdir()
    assert "is a folder" in problem_with(submission, {"test"})
    submission.notebook.rmdir()
    for name in ("homework/ch1.ipynb", ".ipynb_checkpoints/ch1-checkpoint.ipynb"):
        (submission.folder / name).parent.mkdir()
        (submission.folder / name).write_text("{}", encoding="utf-8")
    line = problem_with(submission, {"test"})
    assert "there is homework/ch1.ipynb: rename" in line and "checkpoint" not in line


def test_a_time_of_submission_that_is_none_is_named(submission):
    hand_in(submission, code("test", "check(1)"))
    stamp = submission.folder / "timestamp.txt"
    stamp.write_text("yesterday", encoding="utf-8")
    assert "timestamp.txt holds no time" in problem_with(submission, {"test"})
    stamp.write_text("2026-02-01 12:00:00 UTC\n", encoding="utf-8")
    assert problem_with(submission, {"test"}) is None


@pytest.mark.parametrize(
    ("most", "says"),
    [
        ("MOST_CELLS", "2 cells, more than 1: ask ann"),
        ("MOST_PARTS", "more than 1 parts beside its texts and outputs: ask ann"),
        ("MOST_BRACKETS", "has far too many parts: ask ann"),
        ("MOST_NOTEBOOK", "larger than 0 MB: ask ann"),
        ("MOST_FILES", "holds more than 1 files, which no submission needs"),
        ("MOST_IN_ALL", "holds more than 0 MB, which no submission needs"),
    ],
)
def test_what_is_far_too_much_is_refused_before_it_is_read(submission, monkeypatch, most, says):
    hand_in(submission, code("test", "check(1)"), code("other", "1"))
    (submission.folder / "data.csv").write_text("1")
    assert problem_with(submission, {"test"}) is None
    monkeypatch.setattr(submissions, most, 1)
    monkeypatch.setattr(submissions.nbformat, "reads", lambda *_: pytest.fail("it was read"))
    assert says in problem_with(submission, {"test"})


def test_outputs_are_not_read_whatever_they_are(submission):
    hand_in(submission, code("test", "check(1)"), code("other", "1"))
    made = json.loads(submission.notebook.read_text("utf-8"))
    made["cells"][0]["outputs"] = [{"output_type": "none"}] * 100_000
    made["cells"][1]["source"] = ["1\n"] * 100_000
    submission.notebook.write_text(json.dumps(made), encoding="utf-8")
    begun = time.process_time()
    assert problem_with(submission, {"test"}) is None
    assert time.process_time() - begun < 3
    made["cells"][0]["metadata"]["tags"] = list(range(100_000))
    submission.notebook.write_text(json.dumps(made), encoding="utf-8")
    assert "parts beside its texts and outputs" in problem_with(submission, {"test"})


# -------------------------------------------------------- what a grade depends on, and what no submission may hold


def test_all_that_decides_on_a_grade_is_in_the_fingerprint(graded_course, notebook, monkeypatch):
    rules = graded_course.folder / "packages"
    for package in ("HELPERS", "GRADER"):
        monkeypatch.setattr(submissions, package, rules)
    path = graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    submission = Submission("ada", "01_tiny", path.parent)
    folder = graded_course.folder
    decides = [
        path,
        path.parent / "weights" / "net.npz",
        folder / "nbgrader_config.py",
        folder / "solutions" / "01_tiny" / "01_tiny.ipynb",
        rules / "checks" / "dense.py",
        rules / "reference.toml",
        rules / "scoring" / "scorer.py",
        rules / "repair.py",
    ]
    seen = [Fingerprints(folder).of(submission)]
    for file in decides:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as changed:
            changed.write(" ")
        seen.append(Fingerprints(folder).of(submission))
    assert len(set(seen)) == len(decides) + 1
    graded_course.hand_in("ben", "01_tiny", notebook("tiny"))
    assert Fingerprints(folder).of(submission) == seen[-1]


def test_settings_that_change_no_score_are_not_in_the_fingerprint(graded_course, notebook):
    path = graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    submission = Submission("ada", "01_tiny", path.parent)
    config = graded_course.folder / "nbgrader_config.py"
    before = Fingerprints(graded_course.folder).of(submission)
    text = config.read_text().replace("points_per_day = 0.0", "points_per_day = 0.5")
    config.write_text(text + 'c.Exchange.root = "/srv/exchange"\nc.MoodleExport.identify_by = "id"\n')
    assert Fingerprints(graded_course.folder).of(submission) == before
    config.write_text(text + "c.SealedExecute.timeout = 5\n")
    assert Fingerprints(graded_course.folder).of(submission) != before


@pytest.fixture
def linked(graded_course, notebook):
    """A course with a file that is not ned's, and ned's submission with links to it."""
    secret = graded_course.folder / "submitted" / "ada" / "01_tiny" / "notes.npz"
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    secret.write_text(SECRET)
    ned = graded_course.hand_in("ned", "01_tiny", notebook("tiny")).parent
    (ned / "weights").mkdir()
    (ned / "weights" / "mine.npz").symlink_to(secret)
    (ned / "folder").symlink_to(secret.parent)
    return graded_course


def _texts_below(folder):
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@posix_only
@pytest.mark.parametrize("kind", ["link", "link to a folder", "dangling link", "FIFO", "notebook"])
def test_a_submission_with_a_link_or_a_fifo_is_refused_in_one_line(graded_course, notebook, kind):
    ned = graded_course.hand_in("ned", "01_tiny", notebook("tiny"))
    ada = graded_course.hand_in("ada", "01_tiny", notebook("tiny", title="not to be run"))
    odd = ned.parent / "data" / "odd"
    odd.parent.mkdir()
    if kind == "FIFO":
        os.mkfifo(odd)
    elif kind == "notebook":
        ned.unlink()
        ned.symlink_to(ada)
        odd = ned
    else:
        odd.symlink_to({"link": ada, "link to a folder": ada.parent, "dangling link": odd / "x"}[kind])
    report = grade(graded_course.folder, students=["ned"], console=quiet(), trusted=True)
    assert not report.graded and len(report.problems) == 1
    assert str(odd) in report.problems[0] and "\n" not in report.problems[0]
    assert "link" in report.problems[0] and "ned" in report.problems[0]
    assert not (graded_course.folder / "autograded").exists()


@posix_only
def test_a_link_shows_no_other_files_content_even_when_nbgrader_itself_grades(linked):
    make_release(linked.folder)
    api = open_api(linked.folder, SealedExecute={"trust_submissions": True})
    assert api.generate_assignment("01_tiny")["success"]
    result = api.autograde("01_tiny", "ned")
    assert result["success"], result["log"]
    assert api.generate_feedback("01_tiny", "ned")["success"]
    assert points(linked, "ned") == {"conv.sides": 1, "flowers.beta": 1}
    for step in ("autograded", "feedback"):
        texts = _texts_below(linked.folder / step / "ned")
        assert texts and not any(SECRET.encode() in text for text in texts)


@posix_only
def test_a_linked_notebook_is_not_graded_by_nbgrader_itself(linked):
    ada, ned = (linked.folder / "submitted" / name / "01_tiny" / "01_tiny.ipynb" for name in ("ada", "ned"))
    ned.unlink()
    ned.symlink_to(ada)
    api = open_api(linked.folder, SealedExecute={"trust_submissions": True})
    assert api.generate_assignment("01_tiny")["success"]
    result = api.autograde("01_tiny", "ned")
    assert not result["success"] and "is a link" in result["log"]
    assert not _texts_below(linked.folder / "autograded")
