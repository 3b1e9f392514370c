"""The last line of `grade` says what is the case, however it ends."""

import pytest
from autoencoder_grader import cli
from autoencoder_grader.engine import cluster, worker
from autoencoder_grader.engine.orders import Graded, InfrastructureFault
from click.testing import CliRunner

FAULT = "The machine kept {} from being graded: the same command tries again."
PROBLEM = "A line above says what could not be done, and why."


@pytest.fixture
def machine(monkeypatch):
    """What becomes of a student's submission by name, where the submission itself does not decide it."""
    grade_order, fates = worker.grade_order, {}

    def instead(order, report):
        fate = fates.get(order.student)
        if isinstance(fate, BaseException):
            raise fate
        if fate:
            return Graded(order.student, order.assignment, order.sha256, "invalid", (fate,))
        return grade_order(order, report)

    monkeypatch.setattr(worker, "grade_order", instead)
    monkeypatch.setattr(cluster, "_get_ready", lambda course: "")
    return fates


@pytest.fixture
def ends(graded_course):
    """A function: options of grade -> (exit code, the last line, all that was said)."""

    def run(*options):
        arguments = ["--course", str(graded_course.folder), "grade", "--workers", "1", "--i-trust-these-submissions"]
        result = CliRunner().invoke(cli.main, [*arguments, *options])
        said = result.stdout + result.stderr
        assert "nothing to grade" not in said and "None" not in said and "Traceback" not in said, said
        return result.exit_code, said.splitlines()[-1], said

    return run


@pytest.fixture
def ada(graded_course, notebook):
    """The path of a right submission."""
    return graded_course.hand_in("ada", "01_tiny", notebook("tiny"))


def test_nothing_was_handed_in(ends):
    code, last, _ = ends()
    assert code == 1 and "no submissions; a submission is submitted/<student>/<assignment>/" in last


def test_all_is_graded_and_then_nothing_is_new_and_then_some_fail(ends, ada, machine, graded_course, notebook):
    assert ends()[:2] == (0, "All is graded: 1 now.")
    assert ends()[:2] == (0, "Nothing is new: 1 graded before and unchanged.")
    assert ends("--again")[:2] == (0, "All is graded: 1 now.")
    assert ends("--dry-run")[:2] == (0, "0 to be graded, 1 unchanged")
    graded_course.hand_in("ben", "01_tiny", notebook("tiny"))
    machine["ben"] = InfrastructureFault("the disk is full", again=False)
    assert ends()[:2] == (3, f"Graded: 1 before. {FAULT.format(1)}")
    machine["ben"] = ""
    assert ends()[:2] == (0, "All is graded: 1 now, 1 before.")
    graded_course.hand_in("cy", "01_tiny", notebook("tiny")).write_text("{")
    assert ends()[:2] == (1, f"Graded: 2 before. {PROBLEM}")
    machine["ada"] = InfrastructureFault("the disk is full", again=False)
    assert ends("--again")[:2] == (3, f"Graded: 1 now. {PROBLEM} {FAULT.format(1)}")


def test_all_failed_because_of_the_machine(ends, ada, machine):
    machine["ada"] = InfrastructureFault("the kernel did not start", again=False)
    code, last, said = ends()
    assert (code, last) == (3, f"Nothing was graded. {FAULT.format(1)}")
    assert "ada/01_tiny was not graded: the kernel did not start" in said


@pytest.mark.parametrize("how", ["unreadable", "refused by nbgrader"])
def test_all_failed_because_of_what_was_handed_in(ends, ada, machine, how):
    if how == "unreadable":
        ada.write_text("{")
    else:
        machine["ada"] = "it is no notebook of this course"
    code, last, said = ends()
    assert (code, last) == (1, f"Nothing was graded. {PROBLEM}")
    assert str(ada) in said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["09_none"], "no assignment is named '09_none'; there are: 01_tiny, 02_small"),
        (["--student", "zed"], "zed: no submission of this student"),
        (["02_small", "--student", "ada"], "ada: no submission of this student"),
    ],
)
def test_a_name_that_nobody_has(ends, ada, options, why):
    code, last, said = ends(*options)
    assert (code, last) == (1, f"Nothing was graded. {PROBLEM}")
    assert why in said


def test_nothing_of_a_chapter(ends, ada):
    code, last, _ = ends("02_small")
    assert code == 1 and "no submissions of 02_small" in last


@pytest.mark.parametrize(
    ("check", "why"),
    [
        ("dense.nothing", "no graded cell belongs to the check 'dense.nothing'"),
        ("dense.bce_per_image", "nothing was handed in that holds the check 'dense.bce_per_image'"),
    ],
)
def test_a_check_that_is_not_there(ends, ada, check, why):
    code, last, _ = ends("--check", check)
    assert code == 1 and last == f"autoencoder-course: {why}"


def test_a_plan_counts_what_cannot_be_graded(ends, ada, graded_course, notebook):
    graded_course.hand_in("cy", "01_tiny", notebook("tiny")).write_text("{")
    assert ends("--dry-run")[:2] == (1, "1 to be graded, 0 unchanged, 1 cannot be graded")


def test_it_was_interrupted(ends, ada, machine):
    machine["ada"] = KeyboardInterrupt()
    assert ends()[:2] == (130, "Stopped: 0 of 1 are done and kept, 1 are left. The same command goes on.")


def test_a_machine_on_which_no_kernel_runs_is_one_line_before_anything_starts(ends, ada, machine, monkeypatch):
    monkeypatch.setattr(cluster, "_get_ready", lambda course: "no kernel runs in a sandbox here (why)")
    machine["ada"] = AssertionError("grading has begun")
    code, last, said = ends()
    assert (code, last) == (1, "autoencoder-course: no kernel runs in a sandbox here (why)")
    assert said.count("\n") == 1


def test_a_course_that_cannot_be_written_to_is_one_line(ends, ada, graded_course):
    (graded_course.folder / ".grading").write_text("in the way")
    code, last, said = ends()
    assert code == 1 and ".grading cannot be written to" in last and said.count("\n") == 1
