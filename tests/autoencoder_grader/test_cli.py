"""The console command: what it lists, how it fails, and which function each sub-command calls."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from autoencoder_grader import cli
from autoencoder_grader.course import find_course
from autoencoder_grader.kernels import sandbox
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner

REPOSITORY = Path(__file__).resolve().parents[2]
TRUST = "--i-trust-these-submissions"  # they are ours, and there may be no sandbox where the tests run


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.fixture
def empty_course(tmp_path):
    (tmp_path / "nbgrader_config.py").touch()
    (tmp_path / "solutions").mkdir()
    (tmp_path / "notebooks").mkdir()
    return tmp_path


@pytest.fixture
def module(monkeypatch):
    """Put a stand-in for one of the package's modules where a sub-command imports it."""

    def replace(name, **contents):
        monkeypatch.setitem(sys.modules, f"autoencoder_grader.{name}", SimpleNamespace(**contents))

    return replace


def test_help_lists_every_sub_command():
    result = run("help")
    assert result.exit_code == 0
    expected = {"book", "demo", "doctor", "export", "grade", "help", "kernelspec", "lab", "references", "release"}
    assert expected | {"answer", "collect", "migrate", "progress", "report", "validity"} == set(cli.main.commands)
    for name in cli.main.commands:
        assert f"\n  {name} " in result.output
    assert result.output == run("--help").output


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from autoencoder_grader.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(sorted({'tensorflow', 'tf_keras', 'numpy', 'nbgrader', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_installed_command_is_this_one():
    command = Path(sys.executable).with_name("autoencoder-course")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("autoencoder-course, version ")


@pytest.mark.parametrize(
    "arguments", ["no-such-command", "--no-such-option", "lab --port 0", "--course /no/such/folder demo"]
)
def test_wrong_usage_ends_with_2(arguments):
    assert run(*arguments.split()).exit_code == 2


def test_a_course_error_is_one_line_on_stderr(empty_course, module):
    def run_demo(folder, course):
        raise CourseError("the disk is full;\n  make room")

    module("demo.run", run_demo=run_demo)
    result = run("--course", empty_course, "demo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "autoencoder-course: the disk is full; make room\n"


def test_another_error_is_not_hidden(empty_course, module):
    def run_demo(folder, course):
        raise ZeroDivisionError

    module("demo.run", run_demo=run_demo)
    assert isinstance(run("--course", empty_course, "demo").exception, ZeroDivisionError)


def test_a_folder_without_a_course_is_named(tmp_path):
    result = run("--course", tmp_path, "release")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert str(tmp_path) in result.stderr and "nbgrader_config.py" in result.stderr


def test_the_course_is_found_from_a_folder_inside_it(empty_course, monkeypatch):
    inside = empty_course / "solutions" / "chapter"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert find_course() == empty_course


def test_outside_any_course_the_installed_one_serves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_course() == REPOSITORY


@pytest.mark.parametrize("named, problems", [(False, 0), (True, 1)])
def test_demo_works_in_the_folder_it_is_told(empty_course, module, named, problems):
    seen = []

    def run_demo(folder, course):
        seen.append((folder, course))
        return SimpleNamespace(exit_code=problems)

    module("demo.run", run_demo=run_demo)
    option = ["--folder", empty_course / "elsewhere"] if named else []
    assert run("--course", empty_course, "demo", *option).exit_code == problems
    assert seen == [(empty_course / ("elsewhere" if named else "demo"), empty_course)]


def test_release_tells_what_it_made(empty_course, module):
    module("nbgrader_steps.release", make_release=lambda course, chapters: [course / name for name in chapters])
    result = run("--course", empty_course, "release", "01_a", "02_b")
    assert result.output.splitlines() == [f"released {empty_course / name}" for name in ("01_a", "02_b")]


def test_references_hands_on_its_options_and_its_help(module):
    seen = []

    @click.command()
    @click.option("--seeds", type=int, help="How many seeds.")
    def command(seeds):
        seen.append(seeds)

    module("references.command", command=command)
    assert run("references", "--seeds", "3").exit_code == 0
    assert seen == [3]
    shown = run("references", "--help")
    assert shown.exit_code == 0 and "How many seeds." in shown.output
    assert run("references", "--seeds", "three").exit_code == 2


def test_references_may_fail_with_one_line(module):
    @click.command()
    def command():
        raise CourseError("nothing measured yet")

    module("references.command", command=command)
    result = run("references")
    assert (result.exit_code, result.stderr) == (1, "autoencoder-course: nothing measured yet\n")


def test_grade_shows_points_and_where_the_pages_lie(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    result = run("--course", graded_course.folder, "grade", "01_tiny", TRUST)
    assert result.exit_code == 0, result.output
    assert "2 + w" in result.output
    assert str(graded_course.folder / "grades.csv") in result.output
    assert str(graded_course.folder / "feedback") in result.output


def test_grade_ends_with_1_when_something_could_not_be_graded(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    (graded_course.folder / "submitted" / "bob" / "01_tiny").mkdir(parents=True)
    result = run("--course", graded_course.folder, "grade", TRUST)
    assert result.exit_code == 1
    assert "2 + w" in result.output and "bob" in result.output


def test_grade_without_submissions_says_where_they_go(graded_course):
    result = run("--course", graded_course.folder, "grade", TRUST)
    assert result.exit_code == 1
    assert "submitted/<student>/<assignment>/" in result.stderr


def test_grade_without_a_sandbox_is_one_line_that_names_the_way_out(graded_course, notebook, monkeypatch):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    monkeypatch.setattr(sandbox, "available", lambda: False)
    result = run("--course", graded_course.folder, "grade")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"autoencoder-course: {sandbox.NO_SANDBOX}\n"
    assert TRUST in result.stderr


@pytest.mark.parametrize(("fault", "complaints"), [("", []), ("false pass", []), ("", ["right-1-x: limit"])])
def test_validity_ends_with_1_when_something_got_other_points(empty_course, module, fault, complaints):
    about = {"case": "wrong-1-y", "check": "dense.encoder", "found": (2.0,), "expected": 0.0}
    verdict = SimpleNamespace(**about, fault=fault)
    asked, written = [], []

    def run_validity(course, folder, cases, **settings):
        asked.append((course, folder, cases, settings["more_seeds"], settings["workers"], settings["stock"]))
        return [verdict], complaints

    module(
        "validity.report",
        run_validity=run_validity,
        summary=lambda verdicts: [("wrong", len(verdicts), int(bool(fault)), 0, 0, 0)],
        write_report=lambda path, *_: written.append(path),
    )
    result = run("--course", empty_course, "validity", "wrong", "--seeds", 5)
    assert result.exit_code == int(bool(fault or complaints))
    assert ("false pass: wrong-1-y, dense.encoder" in result.output) == bool(fault)
    assert all(line in result.output for line in complaints)
    folder = empty_course / "build" / "validity"
    assert asked == [(empty_course, folder, ("wrong",), 4, 2, False)]
    assert written == [folder / "report.json"]
