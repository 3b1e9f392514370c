"""What must hold of every chapter, read from the files alone."""

import ast
import io
import itertools
import re
import shutil
import tokenize
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.demo.demo_class import answer
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_helpers import plots
from autoencoder_helpers.checks import catalogue, practice

REPOSITORY = Path(__file__).resolve().parents[2]
PREFIXES = {
    "01_dense_autoencoder": "dense",
    "02_convolutional_autoencoder": "conv",
    "03_variational_autoencoder": "vae",
    "04_flower_vae": "flowers",
    "05_gene_expression": "cells",
}
CHAPTERS = list(PREFIXES)
PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").glob("**/*.md")),
]


def notebook_of(chapter, room="solutions"):
    return nbformat.read(REPOSITORY / room / chapter / f"{chapter}.ipynb", as_version=4)


def settings_of(cell):
    return cell.metadata.get("nbgrader", {})


def graded_cells(chapter, room="solutions"):
    """The cells that a check grades, without the written question."""
    return [
        cell for cell in notebook_of(chapter, room).cells if settings_of(cell).get("grade") and cell.cell_type == "code"
    ]


def prose_of(chapter, room="solutions"):
    """The markdown of a chapter without fenced code."""
    text = "\n".join(cell.source for cell in notebook_of(chapter, room).cells if cell.cell_type == "markdown")
    return re.sub(r"```.*?```", "", text, flags=re.S)


def code_of(chapter):
    return "\n".join(cell.source for cell in notebook_of(chapter).cells if cell.cell_type == "code")


def calls_of(chapter, name):
    """The calls of a function, as syntax trees, in all code cells of a chapter."""
    trees = [ast.parse(cell.source) for cell in notebook_of(chapter).cells if cell.cell_type == "code"]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) == name]


each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
each_room = pytest.mark.parametrize("room", ["solutions", "notebooks"])


# --------------------------------------------------------------------------------------------------- release


def test_there_are_these_chapters_and_no_other():
    for room in ("solutions", "notebooks"):
        assert sorted(path.name for path in (REPOSITORY / room).iterdir() if path.is_dir()) == CHAPTERS


def test_notebooks_is_what_the_release_makes_of_solutions_byte_for_byte(tmp_path):
    shutil.copy(REPOSITORY / "nbgrader_config.py", tmp_path)
    for chapter in CHAPTERS:
        source = REPOSITORY / "solutions" / chapter / f"{chapter}.ipynb"
        target = tmp_path / "solutions" / chapter / source.name
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
    for made in make_release(tmp_path):
        committed = REPOSITORY / made.relative_to(tmp_path)
        assert committed.read_bytes() == made.read_bytes(), f"{committed} is not up to date: autoencoder-course release"


@each_chapter
def test_no_solution_text_is_in_the_release(chapter):
    released = {cell.id: cell.source for cell in notebook_of(chapter, "notebooks").cells}
    whole = "\n".join(released.values())
    assert not re.search(r"(BEGIN|END) (SOLUTION|MARK SCHEME)|### STUB", whole)
    for cell in notebook_of(chapter).cells:
        if not settings_of(cell).get("solution"):
            continue
        if cell.cell_type == "markdown":
            for sentence in re.split(r"[.;]\s+|\n", cell.source):
                assert len(sentence) < 40 or sentence not in whole, f"{cell.id}: {sentence}"
            continue
        secret = _secret_lines(cell.source)
        for line in secret:
            assert line not in released[cell.id].split("\n"), f"{cell.id}: {line}"
        # A single line may stand in a hint or among the pieces of a puzzle; what follows it, too, would give
        # it away.
        for pair in itertools.pairwise(secret):
            assert not _follow_each_other(pair, whole), f"{cell.id}: {pair}"


def _secret_lines(source):
    """The lines inside a cell's solution regions, but those that its stub or what stands outside has too."""
    outside_and_stub = re.sub(r"### BEGIN SOLUTION.*?### STUB", "", source, flags=re.S)
    given = {re.sub(r"^\s*(# ?)*", "", line).strip() for line in outside_and_stub.split("\n")}
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)### STUB", source, flags=re.S)
    lines = [line for region in regions for line in region.split("\n")]
    return [line for line in lines if len(line.strip()) > 3 and line.strip() not in given]


def _follow_each_other(pair, text):
    lines = [line.strip() for line in text.split("\n")]
    first, second = (line.strip() for line in pair)
    return any(a == first and b == second for a, b in itertools.pairwise(lines))


# ------------------------------------------------------------------------------------------- cells and points


@each_chapter
@each_room
def test_cell_ids_are_readable_and_unique(chapter, room):
    ids = [cell.id for cell in notebook_of(chapter, room).cells]
    assert not [name for name, count in Counter(ids).items() if count > 1]
    for name in ids:
        assert re.fullmatch(r"[a-z]+[a-z0-9]*([_-][a-z0-9]+)*", name), name
        assert not re.fullmatch(r"(cell-)?[0-9a-f]{6,}(-[0-9a-f]+)*", name), f"{name} looks like a number"


@each_chapter
@each_room
def test_no_outputs_are_stored(chapter, room):
    for cell in notebook_of(chapter, room).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id


@each_chapter
def test_six_to_ten_checks_are_worth_ten_points_and_one_written_question_two(chapter):
    points = [settings_of(cell)["points"] for cell in graded_cells(chapter)]
    assert 6 <= len(points) <= 10
    assert sum(points) == 10
    cells = notebook_of(chapter).cells
    written = [cell for cell in cells if settings_of(cell).get("grade") and cell.cell_type == "markdown"]
    assert [(cell.id, settings_of(cell)["points"]) for cell in written] == [(f"{PREFIXES[chapter]}-written", 2)]


@each_chapter
def test_a_graded_cell_states_its_intent_and_is_named_by_its_check(chapter):
    for cell in graded_cells(chapter):
        intent, call = ast.parse(cell.source).body
        assert isinstance(intent.value.value, str) and intent.value.value.endswith("."), cell.id
        assert ast.unparse(call.value.func) == "check"
        name = call.value.args[0].value
        assert cell.id == settings_of(cell)["grade_id"] == name.replace(".", "-")


@each_chapter
def test_printed_points_are_the_metadatas_and_the_catalogues(chapter):
    checks = {cell.id.replace("-", ".", 1): settings_of(cell)["points"] for cell in graded_cells(chapter)}
    rules = catalogue()
    printed = re.findall(r"`([a-z]+\.\w+)` \(([\d.]+) points?\)", prose_of(chapter))
    assert sorted(name for name, _ in printed) == sorted(checks), (
        "each check's points are printed once, as `name` (2 points)"
    )
    assert {name: float(points) for name, points in printed} == checks
    assert {name: rules[name].points for name in checks} == checks


def test_every_check_of_the_catalogue_is_in_a_chapter():
    used = [cell.id.replace("-", ".", 1) for chapter in CHAPTERS for cell in graded_cells(chapter)]
    assert sorted(used) == sorted(catalogue())


@each_chapter
@each_room
def test_exercises_without_points_are_checked_once_and_stand_where_grading_runs_nothing(chapter, room):
    """Behind the last graded cell, so that no point can depend on them; their text says that they give none."""
    cells = notebook_of(chapter, room).cells
    calls = {
        cell.id: call.args[0].value
        for cell in cells
        if cell.cell_type == "code" and not settings_of(cell)
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "check"
    }
    names = [name for name in practice() if name.startswith(f"{PREFIXES[chapter]}.")]
    assert sorted(calls.items()) == sorted((name.replace(".", "-"), name) for name in names)
    assert sorted(re.findall(r"`([a-z]+\.\w+)` \(no points\)", prose_of(chapter, room))) == sorted(names)
    ids = [cell.id for cell in cells]
    last = max(ids.index(cell.id) for cell in graded_cells(chapter, room))
    assert all(ids.index(cell) > last for cell in calls)


@each_chapter
@each_room
def test_a_chapter_has_fewer_than_4500_words_to_read(chapter, room):
    texts = [cell.source for cell in notebook_of(chapter, room).cells if cell.cell_type == "markdown"]
    assert sum(len(text.split()) for text in texts) < 4500


@each_chapter
def test_the_points_of_an_exercise_are_printed_before_its_check(chapter):
    text = ""
    for cell in notebook_of(chapter).cells:
        if cell.cell_type == "markdown":
            text += cell.source
        elif settings_of(cell).get("grade"):
            assert f"`{cell.id.replace('-', '.', 1)}` (" in text, cell.id


@each_chapter
def test_a_released_task_is_valid_python_and_solved_cells_are_too(chapter):
    for room in ("solutions", "notebooks"):
        for cell in notebook_of(chapter, room).cells:
            if cell.cell_type == "code":
                ast.parse(cell.source)
                ast.parse(answer(cell.source))


# ------------------------------------------------------------------------------------------------- the
# content


@each_chapter
def test_epochs_are_those_of_the_reference_values(chapter):
    from autoencoder_grader.references import networks  # here, because it imports TensorFlow

    (call,) = calls_of(chapter, "choose_epochs")
    epochs = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    prefix = PREFIXES[chapter]
    assert epochs == {"default": networks.DEFAULT_EPOCHS[prefix], "full": networks.FULL_EPOCHS[prefix]}


@each_chapter
def test_every_shown_figure_has_a_text_for_those_who_cannot_see_it(chapter):
    calls = calls_of(chapter, "plots.show") + calls_of(chapter, "plots.picture")
    assert calls
    for call in calls:
        texts = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "alt"]
        assert texts and len(texts[0].split()) >= 5, ast.unparse(call)[:80]


@each_chapter
def test_exercises_have_hints_in_three_depths(chapter):
    depths = ["Hint: the principle", "Hint: the next step", "Hint: almost the code"]
    cells = [cell.source for cell in notebook_of(chapter).cells if cell.cell_type == "markdown"]
    hints = [re.findall(r"<summary>(Hint: [^<]+)</summary>", source) for source in cells if depths[0] in source]
    assert len(hints) >= 6
    assert all(found == depths for found in hints)
    assert prose_of(chapter).count("<details") == prose_of(chapter).count("</details>")


# --------------------------------------------------------------------------------------------- links and
# names


def _documents():
    """(where, folder for relative links, text, anchors of the document itself)"""
    for room in ("solutions", "notebooks"):
        for chapter in CHAPTERS:
            text = prose_of(chapter, room)
            # Jupyter's anchor of a heading is its text with dashes for spaces.
            anchors = {heading.strip().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.M)}
            yield f"{room}/{chapter}", REPOSITORY / room / chapter, text, anchors
    for page in dict.fromkeys(PAGES):
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            yield page.name, page.parent, re.sub(r"```.*?```", "", text, flags=re.S), _anchors_of(page)


def _anchors_of(page):
    """The anchors that code hosts give the headings of a markdown page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_internal_link_resolves():
    dead = []
    for where, folder, text, anchors in _documents():
        targets = re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text) + re.findall(
            r"(?:src|href)=\"([^\"]+)\"", text
        )
        for target in targets:
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            if path and not (folder / path).exists():
                dead.append(f"{where}: {target}")
                continue
            known = anchors if not path else _anchors_of(folder / path) if path.endswith(".md") else {anchor}
            if anchor and anchor not in known:
                dead.append(f"{where}: {target}")
    assert not dead


@each_chapter
def test_prose_names_only_what_there_is(chapter):
    names = _words(code_of(chapter)) | set(dir(__import__("builtins")))
    helpers = " ".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "autoencoder_helpers").rglob("*.py"))
    unknown = []
    for text in re.findall(r"`([^`\n]+)`", prose_of(chapter)):
        for environment in re.findall(r"AUTOENCODER_\w+", text):
            if environment not in helpers:
                unknown.append(text)
        checked = re.match(r"(dense|conv|vae|flowers|cells)\.(\w+)$", text)
        if checked and text not in catalogue() | practice() and f"{text}" not in code_of(chapter):
            unknown.append(text)
        figure = re.match(r"plots\.(\w+)", text)
        if figure and not hasattr(plots, figure[1]):
            unknown.append(text)
        # Names that look like ours: with an underscore, alone or called.
        named = re.match(r"([a-z]+_\w+)(\(.*\))?$", text)
        if named and named[1] not in names and not re.search(rf"\b{named[1]}\b", helpers):
            unknown.append(text)
    assert not unknown


def test_pages_name_only_commands_that_there_are():
    from autoencoder_grader.cli import main

    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M)
    for page in dict.fromkeys(PAGES):
        text = page.read_text(encoding="utf-8")
        for command in re.findall(r"\bautoencoder-course ([a-z]+)\b", text):
            assert command in main.commands, f"{page.name}: autoencoder-course {command}"
        for target in re.findall(r"(?:`|^\s*)make ([a-z]+)\b", text, re.M):
            assert target in targets, f"{page.name}: make {target}"


def _words(code):
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME} | set(re.findall(r"\w+", code))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_exercise_that_asks_for_a_network_says_what_it_can_be_made_of(chapter):
    """Before somebody builds it: a Lambda or a class of one's own cannot be rebuilt for grading."""
    asked = [f"{PREFIXES[chapter]}.{part}" for part in ("encoder", "decoder", "autoencoder", "vae")]
    for name in (name for name in asked if name in catalogue()):
        task = next(cell.source for cell in notebook_of(chapter).cells if f"`{name}` (" in cell.source)
        words = task.split("<details>")[0]
        assert re.search(r"class of (your|one's) own|Keras's\s(and TensorFlow Probability's )?own", words), (
            name,
            words,
        )
