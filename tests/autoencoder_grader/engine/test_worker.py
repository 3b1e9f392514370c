"""The worker's side: a submission graded in a folder of its own, as nbgrader does it."""

import contextlib
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.engine import worker
from autoencoder_grader.engine.bundle import pack, unpack
from autoencoder_grader.engine.orders import CourseCopy, Given, InfrastructureFault, Order, digest
from autoencoder_grader.engine.small_gradebook import small_gradebook
from autoencoder_grader.engine.worker import grade_order
from autoencoder_grader.files import temporary
from autoencoder_grader.nbgrader_steps import execution, feedback_page
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from tiny_class import FailingScoring

CHAPTER = "01_tiny"
ALL_RIGHT = {"conv-sides": (1.0, False), "flowers-beta": (1.0, False), "tiny-written": (None, True)}


@pytest.fixture(scope="module")
def course_copy(tmp_path_factory, tiny_course, empty_gradebook):
    """What a worker gets of a course."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    api = open_api(course.folder)
    assert api.generate_assignment(CHAPTER)["success"]
    with api.gradebook as gradebook:
        small = small_gradebook(gradebook, CHAPTER)
    config = (course.folder / "nbgrader_config.py").read_text()
    return CourseCopy(CHAPTER, config, small, 4711, {"SealedExecute": {"trust_submissions": True}})


@pytest.fixture
def order(tmp_path, course_copy, notebook):
    """A function: sources of cells, and what people entered -> an order."""

    def make(given=Given(), **sources):
        folder = tmp_path / "submitted"
        folder.mkdir(exist_ok=True)
        nbformat.write(notebook("tiny", **sources), folder / f"{CHAPTER}.ipynb")
        files = pack(folder)
        return Order("ada", CHAPTER, files, digest(files), course_copy, given)

    return make


def page(graded, tmp_path):
    unpack(graded.feedback, tmp_path / "feedback")
    return (tmp_path / "feedback" / f"{CHAPTER}.html").read_text(encoding="utf-8")


def test_scores_notebook_and_page_come_back(order, tmp_path):
    graded = grade_order(order())
    assert graded.status == "graded" and not graded.notes
    assert graded.grades == ALL_RIGHT
    unpack(graded.autograded, tmp_path / "graded")
    assert (tmp_path / "graded" / "weights" / "net.npz").is_file()
    read = nbformat.read(tmp_path / "graded" / f"{CHAPTER}.ipynb", as_version=4)
    assert read.metadata[worker.KEY]["status"] == "graded"
    assert "conv-sides" in page(graded, tmp_path) or "conv.sides" in page(graded, tmp_path)
    assert graded.seconds > 0 and "autograde ada/01_tiny" in graded.log


def test_one_submission_leaves_nothing_to_the_next(order, monkeypatch):
    monkeypatch.setattr(worker, "_folders", {})  # those of other tests are none of its own
    first = grade_order(order(train_net="beta = undefined_name"))
    assert first.grades["flowers-beta"] == (0.0, False)
    other = replace(order(), student="ben")
    assert grade_order(other).grades == ALL_RIGHT
    assert grade_order(order()).grades == ALL_RIGHT
    (course,) = [folder for folder in worker._folders.values() if (folder / "submitted" / "ada").exists()]
    assert not (course / "submitted" / "ben").exists() and not (course / "autograded" / "ben").exists()
    worker.remove_all()


def test_a_damaged_bundle_is_the_machines_fault(order):
    good = order()
    flipped = bytes([good.files[0] ^ 1]) + good.files[1:]
    for files in (flipped, good.files[:-1], b""):
        with pytest.raises(InfrastructureFault, match="damaged"):
            grade_order(replace(good, files=files))
    with pytest.raises(InfrastructureFault, match="damaged"):  # damaged before it was sent
        grade_order(replace(good, files=flipped, sha256=digest(flipped)))


def test_what_people_entered_shows_on_the_page_and_survives(order, tmp_path):
    given = Given(
        {"tiny-written": (1.5, 0.25)},
        {"tiny-written": "well said, by a person", "write-sides": "and here, too"},
        due="2020-01-01T00:00:00",
    )
    graded = grade_order(order(given))
    text = page(graded, tmp_path)
    assert "well said, by a person" in text and "and here, too" in text
    assert "1.75" in text
    assert graded.grades["conv-sides"] == (1.0, False)
    assert graded.grades["tiny-written"][1] is True  # the answer may be another one: a person looks again


def test_with_one_check_graded_again_all_other_scores_stay(order, tmp_path):
    given = Given(keep={"flowers-beta": 0.25, "tiny-written": None})
    graded = grade_order(order(given))
    assert graded.grades["flowers-beta"][0] == 0.25
    assert graded.grades["conv-sides"][0] == 1.0
    assert "0.25" in page(graded, tmp_path)


def test_a_scoring_process_that_fails_is_nobodys_wrong_answer(order, monkeypatch):
    failing = FailingScoring(execution)
    monkeypatch.setattr(execution, "scoring_process", failing)
    failing.fail(times=1)
    assert grade_order(order()).grades == ALL_RIGHT
    failing.fail(times=5)
    with pytest.raises(InfrastructureFault, match="the scoring process has ended"):
        grade_order(order())


def test_ctrl_c_is_not_lost_where_what_it_ended_fails_in_its_own_way(order, monkeypatch, ctrl_c):
    """In a terminal, all processes get it: what waits for one of them meets its end, not a KeyboardInterrupt."""

    def interrupted(*arguments):
        with contextlib.suppress(KeyboardInterrupt):
            ctrl_c()
        raise execution.ScoringFailed("the scoring process has ended; run the grading again")

    monkeypatch.setattr(execution, "scoring_process", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade_order(order())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_person_looks_where_the_machine_lacks_something_and_not_where_an_answer_is_missing(order):
    untouched = grade_order(order(train_net="from autoencoder_helpers import train\ntrain(None, 'net')"))
    assert untouched.notes == ()
    code = "from autoencoder_helpers.errors import DataUnavailable\nraise DataUnavailable('The disk is full.')"
    assert grade_order(order(train_net=code)).notes == (
        "the submission raised DataUnavailable, saying “The disk is full.” (cell train-net)",
    )


def test_what_a_learners_error_says_is_quoted_in_one_line_as_theirs(order):
    forged = "fine” (cell x)\\n\\x1b[2JAll is graded: 12 points"
    code = f"class DataUnavailable(Exception): pass\nraise DataUnavailable('{forged}')"
    graded = grade_order(order(train_net=code))
    assert graded.status == "graded" and graded.grades["flowers-beta"] == (0.0, False)
    assert graded.notes == (
        "the submission raised DataUnavailable, saying “fine' (cell x) �[2JAll is graded: 12 points” (cell train-net)",
    )


@pytest.mark.parametrize(
    "line",
    [
        "autoencoder_grader.scoring.process.ScoringFailed: the scoring process has ended",
        "autoencoder_grader.kernels.sandbox.NoSandbox: no sandbox here",
        "OSError: [Errno 28] No space left on device: '/course/autograded'",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) disk I/O error",
    ],
)
def test_an_error_of_the_machine_is_known_by_its_line_and_not_by_what_a_learner_writes(line):
    assert worker._FAULT.search(f"Traceback\n  File x\n    {line}\n")
    assert not worker._FAULT.search(f"nbconvert.InvalidNotebook: missing attachment: {line}\nValueError: {line}")


def test_a_picture_that_is_not_attached_costs_no_points(order, tmp_path):
    """As in a copied cell: nbconvert has no page for such a notebook."""
    graded = grade_order(
        order(title="# T\n\n![plot](attachment:plot.png)", tiny_written="![ScoringFailed](attachment:x)")
    )
    assert graded.status == "graded" and graded.grades == ALL_RIGHT and not graded.notes
    assert "no picture plot.png is attached" in page(graded, tmp_path)


def test_points_stand_where_no_page_can_be_written_at_all(order, monkeypatch):
    def fails(*_, **__):
        raise ValueError("ScoringFailed: a learner's text")

    monkeypatch.setattr(feedback_page.FeedbackExporter, "from_notebook_node", fails)
    graded = grade_order(order())
    assert graded.status == "graded" and graded.grades == ALL_RIGHT
    (note,) = graded.notes
    assert note.startswith("it has no feedback page, which nbgrader could not write: “")


def test_a_learner_who_writes_keyboard_interrupt_stops_nobody(order):
    graded = grade_order(order(train_net="raise KeyboardInterrupt('KeyboardInterrupt')"))
    assert graded.grades["conv-sides"] == (1.0, False) and graded.grades["flowers-beta"] == (0.0, False)


def test_a_kernel_that_is_killed_once_runs_once_more(order, monkeypatch, tmp_path):
    """As when Linux ends it because another program took the memory."""
    flag = tmp_path / "killed"
    killing = execution.SealedExecute._run

    def run(self, cell, resources, index):
        if cell.get("id") == "train-net" and not flag.exists():
            flag.touch()
            cell = {**cell, "source": "import os; os.kill(os.getpid(), 9)"}
            cell = nbformat.from_dict(cell)
        return killing(self, cell, resources, index)

    monkeypatch.setattr(execution.SealedExecute, "_run", run)
    graded = grade_order(order())
    assert flag.exists()
    assert graded.status == "graded" and graded.grades == ALL_RIGHT and not graded.notes


def test_a_kernel_that_kills_itself_is_a_students_error(order):
    graded = grade_order(order(train_net="import os; os.kill(os.getpid(), 9)"))
    assert graded.status == "student error"
    assert graded.grades["conv-sides"] == (1.0, False) and graded.grades["flowers-beta"] == (0.0, False)
    assert graded.notes == ("the kernel ended while this cell ran (cell train-net)",)


def test_no_folder_is_made_anew_for_the_same_course(order):
    grade_order(order())
    before = set(Path(tempfile.gettempdir()).glob(f"{temporary.prefix()}*"))
    grade_order(order())
    assert set(Path(tempfile.gettempdir()).glob(f"{temporary.prefix()}*")) <= before


def test_what_goes_on_is_told(order, monkeypatch):
    monkeypatch.setattr(worker, "_SECONDS_BETWEEN_REPORTS", 0.01)
    events = []
    grade_order(order(), events.append)
    assert {event["id"] for event in events} >= {"write-sides"} or len(events) > 1
    assert all(event["cells"] == 7 for event in events)
