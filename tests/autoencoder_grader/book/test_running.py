"""Pages run once, and their outputs are kept by their code and by what that depends on."""

import json

import pytest
from autoencoder_grader.book.building import execution_key
from autoencoder_grader.book.pages import page_of
from autoencoder_grader.book.running import kept_outputs, run_page, show_outputs
from autoencoder_helpers.checks.result import RESULT_MIME_TYPE
from autoencoder_helpers.errors import CourseError

from .conftest import chapter

SHOWS = f"""\
from IPython.display import display
display({{"{RESULT_MIME_TYPE}": {{}}, "application/vnd.jupyter.widget-view+json": {{}}, "text/html": "<b>card</b>"}}, raw=True)
"""


def run(kept, **changes):
    page, seen = page_of(chapter(**changes), "01_tiny"), []
    run_page(page, "01_tiny", kept, lambda done, cells: seen.append((done, cells)))
    return page, seen


def test_outputs_are_kept_and_shown_again(tmp_path):
    kept = tmp_path / "new" / "kept.json"
    _, seen = run(kept)
    assert seen == [(done, 5) for done in range(5)]
    page = page_of(chapter(), "01_tiny")
    show_outputs(page, kept)
    texts = [cell.outputs[0].text for cell in page.cells if cell.cell_type == "code"]
    assert texts == ["worked out\n", "the answer is 42\n"]


def test_what_is_for_programs_is_not_shown(tmp_path):
    page, _ = run(tmp_path / "kept.json", aside=SHOWS)
    assert RESULT_MIME_TYPE in page.cells[3].outputs[0].data
    show_outputs(page, tmp_path / "kept.json")
    assert dict(page.cells[3].outputs[0].data) == {"text/html": "<b>card</b>"}


@pytest.mark.parametrize(
    "aside, why",
    [("1 / 0", "ZeroDivisionError: division by zero"), ("import sys; print('alas', file=sys.stderr)", "stderr: alas")],
)
def test_a_cell_that_fails_or_complains_is_named_and_nothing_kept(tmp_path, aside, why):
    with pytest.raises(CourseError, match=f"01_tiny, cell 'aside'.*{why}"):
        run(tmp_path / "kept.json", aside=aside)
    assert list(tmp_path.iterdir()) == []


def test_outputs_belong_to_the_code_and_not_to_the_text(tmp_path):
    name = kept_outputs(page_of(chapter(), "a"), tmp_path)
    assert kept_outputs(page_of(chapter(text="# Another title"), "b"), tmp_path) == name
    assert kept_outputs(page_of(chapter(aside="answer"), "a"), tmp_path) != name
    other = chapter()
    other.cells[1].source = other.cells[1].source.replace("6 * 7", "42")
    assert kept_outputs(page_of(other, "a"), tmp_path) != name


@pytest.fixture
def helpers(tmp_path):
    folder = tmp_path / "helpers"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "plots.py").write_text("width = 1\n")
    return folder


def test_outputs_belong_to_the_helpers_the_versions_and_the_settings(course, helpers, monkeypatch):
    monkeypatch.delenv("AUTOENCODER_EPOCHS", raising=False)
    key = execution_key(course.folder, helpers)
    keys = {key}

    course.write(chapter(text="# Another title"))
    (helpers / "__pycache__" / "plots.pyc").touch()
    assert execution_key(course.folder, helpers) == key, "neither a chapter's text nor a compiled file matters"

    (helpers / "plots.py").write_text("width = 2\n")
    keys.add(execution_key(course.folder, helpers))
    (helpers / "style.css").touch()
    keys.add(execution_key(course.folder, helpers))
    (course.folder / "constraints.txt").write_text("nothing==2\n")
    keys.add(execution_key(course.folder, helpers))
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    keys.add(execution_key(course.folder, helpers))
    assert len(keys) == 5


def test_the_file_holds_text_that_any_version_can_read(tmp_path):
    run(tmp_path / "kept.json")
    assert json.loads((tmp_path / "kept.json").read_text())[0][0]["name"] == "stdout"
