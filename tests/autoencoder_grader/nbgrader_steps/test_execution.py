"""Running submissions: what an endless, loud or spying notebook costs, and that it leaves nothing behind."""

import os
import re
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.workplace import Workplace
from autoencoder_grader.nbgrader_steps import execution
from autoencoder_grader.nbgrader_steps.needed_cells import after_last_graded
from autoencoder_grader.nbgrader_steps.outcome import KEY, NOT_NEEDED, Outcome
from autoencoder_grader.scoring.process import TooMuchToScore
from sandboxes import MEGABYTE, needs_any_sandbox, needs_landlock, processes_with
from tiny_class import FailingScoring, points, quiet

ENDLESS = """\
beta = 0.0012
while "forever":
    pass"""
STUBBORN = """\
while "forever":
    try:
        while True:
            pass
    except BaseException:
        pass"""
ENDLESS_WHEN_ASKED = """\
import time
def bce_per_image(x, p):
    if "AUTOENCODER_EVIDENCE" in __import__("os").environ and len(x) == 7:
        while True:
            time.sleep(0.1)"""
LOUD = """\
beta = 0.0012
for number in range(200):
    print(str(number) * 10_000, flush=True)
print("x" * 5_000_000)
print("the end")"""
OUTSIZED = """\
beta = 0.0012
print("x" * 70_000_000)"""  # more than one message may hold
LEAVES = """\
beta = 0.0012
import os, subprocess, sys
command = [sys.executable, "-c", "import time; time.sleep(600)", {marker!r}]
for _ in range(2):
    subprocess.Popen(command, start_new_session=True)"""
REPAINTS_CARDS = """\
from IPython.display import HTML, display, update_display
def after_conv(side, kernel, padding):
    display(HTML("painted"), display_id="mine")
    return side if padding == "same" else side - kernel

def after_pool(side):
    return side // 2"""
REPAINTS = "beta = None\nfor _ in range(3):\n    update_display(HTML('full marks'), display_id='mine')"
SPIES = """\
import os, socket
beta = 0.0012
def connected():
    try:
        return bool(socket.create_connection(("127.0.0.1", {port}), 5))
    except OSError:
        return False
def read(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read())
    except OSError:
        return False
print("there:", any(os.path.exists(path) for path in {paths!r}))
print("read:", [read(path) for path in {paths!r}], "TOKEN" in os.environ, connected())"""
PULLS = """\
import numpy as np
from autoencoder_helpers import explorer
from IPython.display import display
from ipywidgets import FloatSlider, interact
beta = FloatSlider(0.0012, min=0, max=0.01, step=0.0001)
display(beta)
interact(lambda x: print("pulled to", x), x=3)
explorer.plane(lambda z: np.zeros((len(z), 28, 28)), np.eye(2), [0, 1], alt="the plane")
explorer.sliders(lambda z: np.zeros((len(z), 28, 28)), {"z": (0, 1, 0)}, alt="black squares")
beta = beta.value"""
OWN_MODULE = "from helper import beta"
NO_DATA = """\
from autoencoder_helpers import load_flowers
beta = 0.0012
load_flowers("photos", path="/no/such/folder")"""


# Exceed a limit each, by many small steps, and go on until they are ended.
MANY = """\
beta = 0.0012
import os, time
for _ in range({processes}):
    if os.fork() == 0:
        break
{work}
time.sleep(100)"""
GREEDY = {
    "memory": MANY.format(processes=3, work="held = bytearray(os.urandom(1 << 20)) * 500"),
    "processor": MANY.format(processes=3, work="while True: pass"),
    "files": MANY.format(processes=0, work="for name in range(3000): open(f'{name}.txt', 'w').close()"),
    "disk": MANY.format(
        processes=0, work="for name in range(9): open(str(name), 'wb').write(bytes(range(256)) * 40_000)"
    ),
    "processes": MANY.format(processes=60, work=""),
}
#: What the line says that each gets, with these limits.
SMALL_LIMITS = {"memory": 1 << 30, "processor_seconds": 25, "files": 2000, "disk": 50 << 20, "processes": 50}
SAYS = {
    "memory": "of memory of all its processes, more than the limit of 1.0 GB",
    "processor": "s of processor time of all its processes, more than the limit of 25 s",
    "files": "more than 2000 files, which is the limit",
    "disk": "MB of files, more than the limit of 50 MB",
    "processes": "processes, more than the limit of 50",
}


def graded_cell(course, student, name, chapter="01_tiny"):
    return next(cell for cell in outcome(course, student, chapter, whole=True).cells if cell.id == name)


def outcome(course, student, chapter="01_tiny", whole=False):
    path = course.folder / "autograded" / student / chapter / f"{chapter}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    return notebook if whole else notebook.metadata[KEY]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.fixture(scope="module")
def marker():
    """A text by which the processes that a submission starts are known."""
    return f"marker-{uuid.uuid4()}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory, tiny_course, notebook, empty_gradebook, marker):
    """A class of unusual notebooks, graded once with little patience: (course, report)."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    course.hand_in("endless", "01_tiny", notebook("tiny", train_net=ENDLESS))
    leaves = LEAVES.format(marker=marker)
    course.hand_in("stubborn", "01_tiny", notebook("tiny", train_net=f"{leaves}\n{STUBBORN}"))
    course.hand_in("asked", "02_small", notebook("small", write_bce=ENDLESS_WHEN_ASKED, write_floor="1"))
    course.hand_in("loud", "01_tiny", notebook("tiny", train_net=LOUD))
    huge = notebook("tiny", train_net=OUTSIZED)
    place = next(index for index, cell in enumerate(huge.cells) if cell.id == "train-net")
    huge.cells.insert(place + 1, nbformat.v4.new_code_cell("print('and this')", id="next"))
    course.hand_in("huge", "01_tiny", huge)
    course.hand_in("painter", "01_tiny", notebook("tiny", write_sides=REPAINTS_CARDS, train_net=REPAINTS))
    course.hand_in("puller", "01_tiny", notebook("tiny", train_net=PULLS))
    finisher = notebook("tiny")
    finisher.cells.append(nbformat.v4.new_code_cell(ENDLESS, id="own-end"))
    course.hand_in("finisher", "01_tiny", finisher)
    own = course.hand_in("own", "01_tiny", notebook("tiny", train_net=OWN_MODULE))
    (own.parent / "helper.py").write_text("beta = 0.0012")
    (own.parent / "zmq.py").write_text("raise SystemExit")  # has the name of a module that the kernel needs
    course.hand_in("without", "01_tiny", notebook("tiny", train_net=NO_DATA))
    course.hand_in("leaver", "01_tiny", notebook("tiny", train_net=leaves))

    def seconds(cell):
        if "forever" in cell.source:
            return 2
        return 5 if "bce_per_image)" in cell.source else 120

    settings = {"timeout_func": seconds, "iopub_timeout": 3, "patience": 3, "most_output": MEGABYTE}
    _warm_up(tmp_path_factory.mktemp("mailbox"))
    report = grade(course.folder, console=quiet(), trusted=True, settings=settings)
    yield course, report
    for process in processes_with(marker):  # where there is no sandbox, they live on
        os.kill(process, 9)


def _warm_up(folder):
    """Let the scoring process load what it needs, so that no time limit of a cell pays for it."""
    for name in ("questions", "answers"):
        (folder / name).mkdir()
    (folder / "answers" / "0-evidence").write_bytes(b"")
    scoring = execution.scoring_process()
    scoring.listen("flowers.beta", folder, "0")
    scoring.collect()


def notes_of(report, student):
    return [note for note in report.notes if note.startswith(f"{student}/")]


def test_all_of_them_are_graded(ran):
    _, report = ran
    assert not report.problems and len(report.graded) == 11


def test_an_endless_cell_is_interrupted_and_the_rest_counts(ran):
    course, report = ran
    assert points(course, "endless") == {"conv.sides": 1, "flowers.beta": 1}
    assert outcome(course, "endless")["status"] == "limit"
    (note,) = notes_of(report, "endless")
    # The second where a busy machine takes its time over the interrupt.
    assert re.search(r"a cell (ran longer than|or its output did not end in time)", note) and "(cell train-net)" in note


def test_a_kernel_that_ignores_an_interrupt_is_killed_and_keeps_its_points_from_before(ran):
    course, report = ran
    assert points(course, "stubborn") == {"conv.sides": 1, "flowers.beta": 0}
    assert outcome(course, "stubborn")["status"] == "limit"
    (note,) = notes_of(report, "stubborn")
    assert "did not answer an interrupt" in note and "(cell train-net)" in note


def test_data_that_a_notebook_misses_are_told_to_a_person(ran):
    (note,) = notes_of(ran[1], "without")
    assert "/no/such/folder" in note and "(cell train-net)" in note


def test_a_function_that_never_answers_costs_its_own_points_only(ran):
    course, report = ran
    assert points(course, "asked")["dense.bce_per_image"] == 0
    assert outcome(course, "asked", "02_small")["status"] == "limit"
    rest = graded_cell(course, "asked", "dense-floor_and_baseline", "02_small")
    assert rest.outputs[0].ename == "NameError"  # it ran, too


def test_output_without_end_is_cut_and_costs_nothing(ran):
    course, report = ran
    assert points(course, "loud") == {"conv.sides": 1, "flowers.beta": 1}
    assert outcome(course, "loud")["status"] == "graded"
    assert notes_of(report, "loud") == ["loud/01_tiny: more than 1 MB of output: the rest is left out"]
    text = printed(graded_cell(course, "loud", "train-net"))
    assert text.startswith("0" * 10_000) and len(text) <= MEGABYTE and "the end" not in text


def test_an_outsized_output_costs_nothing_but_itself(ran):
    course, report = ran
    assert points(course, "huge") == {"conv.sides": 1, "flowers.beta": 1}
    (note,) = notes_of(report, "huge")
    assert "its output did not end in time (cell train-net)" in note
    assert printed(graded_cell(course, "huge", "next")) == "and this\n"


def test_a_card_cannot_be_painted_over(ran):
    course, _ = ran
    assert points(course, "painter") == {"conv.sides": 0, "flowers.beta": 0}
    cell = graded_cell(course, "painter", "conv-sides")
    html = [output.data.get("text/html", "") for output in cell.outputs if "data" in output]
    assert len(html) == 1 and "not yet" in html[0] and "full marks" not in str(cell)


def test_what_follows_the_last_check_is_not_run(ran):
    course, report = ran
    assert points(course, "finisher") == {"conv.sides": 1, "flowers.beta": 1}
    assert outcome(course, "finisher")["status"] == "graded" and not notes_of(report, "finisher")
    assert printed(graded_cell(course, "finisher", "own-end")) == NOT_NEEDED
    assert "beta" in graded_cell(course, "finisher", "own-end").source, "it stays as it was handed in"


def test_what_follows_the_last_check_is_run_if_asked_for(tmp_path, tiny_course, notebook, empty_gradebook):
    course = tiny_course(tmp_path, empty_gradebook)
    longer = notebook("tiny")
    longer.cells.append(nbformat.v4.new_code_cell("print(beta)", id="own-end"))
    course.hand_in("ada", "01_tiny", longer)
    grade(course.folder, console=quiet(), trusted=True, settings={"every_cell": True})
    assert float(printed(graded_cell(course, "ada", "own-end"))) > 0


def test_a_code_cell_that_a_person_grades_is_run(notebook):
    cells = notebook("tiny").cells
    by_hand = {"grade": True, "solution": True, "grade_id": "by-hand", "locked": False, "points": 1}
    own, marked = (nbformat.v4.new_code_cell("1", metadata=metadata) for metadata in ({}, {"nbgrader": by_hand}))
    assert after_last_graded([*cells, own]) <= len(cells)
    assert after_last_graded([*cells, own, marked, own]) == len(cells) + 2
    assert after_last_graded([own, own]) == 2, "nothing is graded: all is run"


def test_widgets_cost_nothing(ran):
    course, report = ran
    assert points(course, "puller") == {"conv.sides": 1, "flowers.beta": 1}
    assert outcome(course, "puller")["status"] == "graded" and not notes_of(report, "puller")
    assert printed(graded_cell(course, "puller", "train-net")).count("look around, in the chapter itself") == 2


def test_a_module_beside_the_notebook_can_be_used_and_spoils_no_kernel(ran):
    course, report = ran
    assert points(course, "own") == {"conv.sides": 1, "flowers.beta": 1}
    assert not notes_of(report, "own")


@needs_any_sandbox
def test_no_process_outlives_its_notebook(ran, marker):
    course, _ = ran
    assert points(course, "leaver") == {"conv.sides": 1, "flowers.beta": 1}
    end = time.monotonic() + 10
    while processes_with(marker) and time.monotonic() < end:
        time.sleep(0.1)
    assert not processes_with(marker)


def test_no_folder_outlives_its_notebook(ran, notebook, monkeypatch):
    course, _ = ran
    seen, enter = [], Workplace.__enter__
    course.hand_in("without", "01_tiny", notebook("tiny", train_net=NO_DATA))
    course.hand_in("leaver", "01_tiny", notebook("tiny"))

    def entered(place):
        enter(place)
        seen.append((place.home, place.home.exists()))
        return place

    monkeypatch.setattr(Workplace, "__enter__", entered)
    report = grade(course.folder, [], ["leaver"], console=quiet(), trusted=True)
    assert len(report.graded) == 1
    ((folder, was_there),) = seen
    assert was_there and not folder.exists() and not folder.parent.exists()


@needs_any_sandbox
def test_a_notebook_sees_neither_the_course_nor_the_graders_environment_nor_a_network(
    graded_course, notebook, monkeypatch
):
    import socket

    folder = graded_course.folder
    monkeypatch.setenv("TOKEN", "the grader's")
    other = graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (folder / "secret.txt").write_text("the grader's")
        paths = [str(path) for path in (folder, other, folder / "secret.txt", Path(__file__))]
        spies = SPIES.format(port=listener.getsockname()[1], paths=paths)
        graded_course.hand_in("spy", "01_tiny", notebook("tiny", train_net=spies))
        grade(folder, students=["spy"], console=quiet())
    assert points(graded_course, "spy") == {"conv.sides": 1, "flowers.beta": 1}
    there, read = printed(graded_cell(graded_course, "spy", "train-net")).splitlines()
    assert read == f"read: {[False] * 4} False False"
    if sandbox.best_tier() == sandbox.BUBBLEWRAP:  # the reduced sandbox does not hide that something is there
        assert there == "there: False"


def grade_greedy(course, notebook, names):
    for name in names:
        course.hand_in(name, "01_tiny", notebook("tiny", train_net=GREEDY[name]))
    course.hand_in("modest", "01_tiny", notebook("tiny"))
    settings = {"timeout_func": lambda cell: 600, "limits": SMALL_LIMITS}
    return course, grade(course.folder, console=quiet(), trusted=True, settings=settings)


@pytest.fixture(scope="module")
def greedy(tmp_path_factory, tiny_course, notebook, empty_gradebook):
    """A class of greedy notebooks and a modest one, graded with small limits: (course, report)."""
    return grade_greedy(tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook), notebook, GREEDY)


def expect_limit(course, report, name):
    assert points(course, name) == {"conv.sides": 1, "flowers.beta": 0}
    assert outcome(course, name)["status"] == "limit"
    (note,) = notes_of(report, name)
    assert SAYS[name] in note and note.endswith("(cell train-net)")


@pytest.mark.parametrize("name", GREEDY)
def test_what_all_processes_use_up_together_is_limited(greedy, name):
    expect_limit(*greedy, name)


@needs_any_sandbox
def test_so_it_is_where_kernels_cannot_be_forked(graded_course, notebook, monkeypatch):
    monkeypatch.setattr(execution, "kernel_server", lambda log: None)
    expect_limit(*grade_greedy(graded_course, notebook, ["memory"]), "memory")


@needs_landlock
def test_in_the_reduced_sandbox_the_same_holds_and_a_person_is_told_what_it_lacks(
    graded_course, notebook, monkeypatch, marker
):
    monkeypatch.setenv(sandbox.ONLY, sandbox.LANDLOCK)
    folder = graded_course.folder
    leaves = LEAVES.format(marker=f"landlock-{marker}")
    paths = [folder / "gradebook.db", folder / "solutions"]
    spies = "\n".join(
        [
            leaves,
            "import numpy as np, tensorflow as tf, tf_keras",
            "from autoencoder_helpers import load_mnist",
            "(images, _), _ = load_mnist()",
            "model = tf_keras.Sequential([tf_keras.layers.Dense(2)])",
            "model.compile(loss='mse')",
            "model.fit(images[:64].reshape(64, -1) / 255, np.zeros((64, 2)), verbose=0)",
            "os.makedirs('weights', exist_ok=True)",
            "np.savez('weights/mine.npz', x=1)",
            "seen = []",
            f"for path in {list(map(str, paths))!r}:",
            "    try:",
            "        seen.append(os.listdir(path) if os.path.isdir(path) else open(path))",
            "    except OSError:",
            "        pass",
            "print('seen:', seen)",
        ]
    )
    graded_course.hand_in("spy", "01_tiny", notebook("tiny", train_net=spies))
    course, report = grade_greedy(graded_course, notebook, ["memory"])
    expect_limit(course, report, "memory")
    for name in ("modest", "spy"):
        assert points(course, name) == {"conv.sides": 1, "flowers.beta": 1}
        assert outcome(course, name)["sandbox"] == "landlock" and outcome(course, name)["status"] == "graded"
        assert not notes_of(report, name)
    ((notice, count),) = report.notices.items()
    assert "reduced sandbox" in notice and "process ids" in notice and count == len(report.graded)
    assert printed(graded_cell(course, "spy", "train-net")) == "seen: []\n"
    assert (folder / "autograded" / "spy" / "01_tiny" / "weights" / "mine.npz").exists()
    assert not processes_with(f"landlock-{marker}")


def test_a_limit_that_is_met_costs_nobody_else_anything(greedy):
    course, report = greedy
    assert not report.problems and not notes_of(report, "modest")
    assert points(course, "modest") == {"conv.sides": 1, "flowers.beta": 1}
    told = outcome(course, "modest")
    assert 10 * MEGABYTE < told["memory"] < 1 << 30 and 0 < told["processor_seconds"] < 25


def test_a_limit_that_does_not_exist_is_named(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    report = grade(graded_course.folder, console=quiet(), trusted=True, settings={"limits": {"momory": 1}})
    assert not report.graded and "momory" in report.problems[0] and "processor_seconds" in report.problems[0]


def test_a_failing_scoring_process_is_tried_again_and_never_a_zero(graded_course, notebook, monkeypatch):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    failing = FailingScoring(execution)
    monkeypatch.setattr(execution, "scoring_process", failing)
    failing.fail(times=100)
    report = grade(graded_course.folder, console=quiet(), trusted=True)
    assert failing.tries > 1 and not report.graded and report.exit_code == 3
    assert "the scoring process has ended" in report.faults[0] and "\n" not in report.faults[0]
    failing.fail(times=1)
    report = grade(graded_course.folder, console=quiet(), trusted=True)
    assert failing.tries == 2 and not report.problems and not report.faults
    assert points(graded_course, "ada") == {"conv.sides": 1, "flowers.beta": 1}


def test_what_takes_too_long_to_score_is_the_submissions_own_limit_and_the_rest_is_scored():
    def collect():
        raise TooMuchToScore

    step = execution.SealedExecute()
    step._outcome, step._scoring, step._start_scoring = Outcome(), SimpleNamespace(collect=collect), lambda: "another"
    cell = nbformat.v4.new_code_cell(id="dense-trained")
    (result,) = step._collect(cell, "dense.trained")
    assert result.points == 0 and result.failures[0].mistake == "too-much-to-score"
    assert step._scoring == "another"
    told = step._outcome.to_dict()
    assert told["status"] == "limit" and "scoring dense.trained took more than 200 s" in told["notes"][0]


@pytest.mark.parametrize(("kind", "kept"), [("display_data", 10), ("update_display_data", 100)])
def test_outputs_that_replace_others_are_counted_too(monkeypatch, kind, kept):
    taken = []
    monkeypatch.setattr(execution.Execute, "process_message", lambda self, msg, *_: taken.append(msg))
    step = execution.SealedExecute(most_output=10_000)
    step._outcome, step._bytes, step._updates = Outcome(), 0, 0
    content = {"data": {"text/plain": ""}, "metadata": {}, "transient": {"display_id": "x"}}
    content["data"]["text/plain"] = "x" * (1000 - execution._MESSAGE_BYTES - len(str(content)))
    for _ in range(1000):
        step.process_message({"msg_type": kind, "content": content}, None, 0)
    assert len(taken) == kept and len(step._outcome.notes) == 1
