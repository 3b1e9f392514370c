"""How far a learner is: the command says what the notebook showed, what nbgrader validates, and what grading gives."""

import io
import json
import shutil

import nbformat
import pytest
from autoencoder_grader import cli
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.learning.standing import notebooks_of, run_standing, saved_standing
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_helpers.checks.result import RESULT_MIME_TYPE, CheckResult, StepResult
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner
from nbclient import NotebookClient
from nbgrader.validator import Validator
from rich.console import Console
from tiny_class import ROUNDS_DOWN
from traitlets.config import Config


@pytest.fixture
def half_solved(graded_course, notebook):
    """(the course, a learner's half-solved chapter in work/): one check is half right, the other's cell raises."""
    graded_course.hand_in("ada", "01_tiny", notebook("tiny", write_sides=ROUNDS_DOWN, train_net="beta = undefined"))
    work = graded_course.folder / "work" / "01_tiny"
    shutil.copytree(graded_course.folder / "submitted" / "ada" / "01_tiny", work)
    return graded_course, work / "01_tiny.ipynb"


def test_it_says_what_nbgrader_validates_and_what_grading_gives(half_solved):
    course, path = half_solved
    standing = run_standing(path)
    assert {rule.name: standing.verdict(rule) for rule in standing.rules} == {
        "conv.sides": "partly",
        "flowers.beta": "not run",
    }
    assert standing.points == 0.5 and standing.next.name == "conv.sides"
    config = Config({"Execute": {"timeout": 600, "startup_timeout": 180, "iopub_timeout": 180}})
    validated = Validator(config=config).validate(str(path))
    assert len(validated["failed"]) == sum(standing.verdict(rule) != "passed" for rule in standing.rules) == 2
    make_release(course.folder)
    grade(course.folder, console=Console(file=io.StringIO()), trusted=True)
    points = {row.check: row.points for row in read_results(course.folder)}
    assert [points["conv.sides"], points["flowers.beta"]] == [0.5, 0.0]


def test_what_a_saved_notebook_shows_is_read_without_running_it(half_solved):
    _, path = half_solved
    assert "not run" in repr(saved_standing(path)) and saved_standing(path).points == 0
    ran = NotebookClient(
        nbformat.read(path, as_version=4), allow_errors=True, startup_timeout=180, iopub_timeout=180
    ).execute()
    nbformat.write(ran, path)
    standing = saved_standing(path)
    assert standing.points == 0.5
    assert "01_tiny, as saved on" in repr(standing) and "Next: " in repr(standing)
    assert "Guesses: none answered." in repr(standing)
    kept = {"conv.halfway": {"guess": "no, it has a shape of its own", "told": True}}
    path.with_name("guesses.json").write_text(json.dumps(kept))
    assert "Guesses: 1 of 1 right." in repr(saved_standing(path))


def test_running_changes_nothing_in_the_notebook_and_says_how_far_it_is(half_solved):
    _, path = half_solved
    before, seen = path.read_bytes(), []
    run_standing(path, lambda done, cells: seen.append((done, cells)))
    assert path.read_bytes() == before
    assert seen[0][0] <= 1 and seen == sorted(seen) and {cells for _, cells in seen} == {7}


def test_the_command_takes_all_chapters_or_those_named(half_solved):
    course, path = half_solved
    (course.folder / "work" / "notes").mkdir()
    (course.folder / "work" / "notes" / "mine.ipynb").write_text("{}")
    ask = ["--course", str(course.folder), "progress"]
    (line,) = CliRunner().invoke(cli.main, ask).stdout.splitlines()
    assert "0 of 2 checks passed" in line, "nothing was run: the checks are not listed"
    assert "Next: " in CliRunner().invoke(cli.main, [*ask, "01_tiny"]).stdout
    assert "run just now" in CliRunner().invoke(cli.main, [*ask, "--run", "01_tiny"]).stdout
    refused = CliRunner().invoke(cli.main, [*ask, "02_small"])
    assert refused.exit_code == 1
    assert "has no chapter '02_small'; there are: 01_tiny" in str(refused.exception) + refused.output


def test_a_damaged_notebook_is_one_line(half_solved):
    _, path = half_solved
    path.write_text("{")
    with pytest.raises(CourseError, match="01_tiny.ipynb cannot be read as a notebook"):
        saved_standing(path)


def test_a_kernel_that_ends_is_one_line(half_solved, notebook):
    _, path = half_solved
    nbformat.write(notebook("tiny", train_net="import os; os._exit(1)"), path)
    with pytest.raises(CourseError, match="could not be run to its end"):
        run_standing(path)


def test_without_a_copy_of_the_chapters_it_says_how_to_get_one(tmp_path):
    with pytest.raises(CourseError, match="no chapters in .*autoencoder-course lab"):
        notebooks_of(tmp_path)


def test_exercises_without_points_are_read_from_a_saved_notebook(tmp_path):
    passed = CheckResult("vae.log_p_by_grid", "a sum", 0.0, 0.0, (StepResult("right", True, 0.0, 0.0),))
    output = nbformat.v4.new_output("display_data", data={RESULT_MIME_TYPE: passed.to_dict()})
    cells = [
        nbformat.v4.new_code_cell('check("vae.log_p_by_grid", f)', id="vae-log_p_by_grid", outputs=[output]),
        nbformat.v4.new_code_cell('check("vae.log_p_by_draws", f)', id="vae-log_p_by_draws"),
    ]
    path = tmp_path / "03_tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    standing = saved_standing(path)
    assert (standing.points, standing.max_points) == (0, 0)
    assert "Without points: 1 of 2 exercises for practice pass." in repr(standing)
