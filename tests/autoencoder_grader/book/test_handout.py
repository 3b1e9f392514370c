"""Handouts: questions and pictures, what came out at the end, and nothing that answers an exercise."""

import base64
import html
import re

import nbformat
import pytest
from autoencoder_grader.book.handout import handout
from autoencoder_grader.book.pages import page_of, pages_of
from autoencoder_grader.nbgrader_steps.release import release_source, solution_source

from .conftest import QUESTION, REPOSITORY, TASK, nbgrader

v4 = nbformat.v4


def png(name):
    return v4.new_output(
        "display_data", {"image/png": base64.b64encode(name.encode()).decode(), "text/plain": f"the {name}"}
    )


def says(text):
    return v4.new_output("stream", name="stdout", text=text)


def page():
    """A chapter after its run: a task, two guesses, pictures, numbers."""
    texts = {
        "title": "# Marmalade\n\nWhat it is.\n\n- you can spread it",
        "part": "## 1 · Oranges\n\nFirst $x^2$.\n\nMore words.\n\n$$y = x$$\n\n### Exercise 1: peel\n\n`a.peel` (1 point). Peel it.\n\n"
        "<details><summary>Hint</summary>\n\nWith a *knife*.\n</details>\n\n**Predict first.** How many pips?",
        "mistakes": "## What usually goes wrong\n\nIt burns.\n\nIt boils over.",
        "next": "## Where to go next\n\nTo chapter 2.",
    }
    codes = {
        "goal": ("plots.picture('goal')", [png("goal")]),
        "pips": ('guess("a.pips", "none < 1", "many")', []),
        "count": ("plots.show(pips)", [says("counted 7\n"), png("pips")]),
        "came-out": ('came_out("a.pips", "7")', []),
        "jar": ("plots.show(jar)", [png("jar")]),
        "numbers": ("print(table)", [says("7 pips <per orange>\n")]),
    }
    texts = {name: v4.new_markdown_cell(text, id=name) for name, text in texts.items()}
    codes = {name: v4.new_code_cell(code, id=name, outputs=outputs) for name, (code, outputs) in codes.items()}
    task = v4.new_code_cell(TASK, id="task", metadata=nbgrader(grade_id="task", solution=True))
    check = v4.new_code_cell(
        "check('a.peel', 1)", id="check", metadata=nbgrader(grade_id="check", grade=True, points=1)
    )
    written = nbgrader(grade_id="question", solution=True, grade=True, points=1)
    question = v4.new_markdown_cell(QUESTION, id="question", metadata=written)
    order = [texts["title"], codes["goal"], texts["part"], task, check, *list(codes.values())[1:], question]
    made = page_of(v4.new_notebook(cells=[*order, texts["mistakes"], texts["next"]]), "a")
    for cell in made.cells:
        if cell.id in ("task", "check"):
            cell.outputs = [says("worked out"), png(f"secret of {cell.id}")]
    return made


@pytest.fixture(scope="module")
def paper():
    return handout(page(), "01_a")


def shown(paper):
    """The pictures of a handout, in order."""
    return [base64.b64decode(found).decode() for found in re.findall(r"base64,([^\"]*)", paper)]


def test_questions_and_pictures_stand_in_order_and_what_came_out_at_the_end(paper):
    assert shown(paper) == ["goal", "jar", "pips"]
    before, _, after = paper.partition('<section class="answers">')
    assert "counted 7" not in before and "counted 7" in after and "7 pips &lt;per orange&gt;" in after
    assert "How many pips?" in before and "<li>none &lt; 1</li><li>many</li>" in before
    assert 'alt="the jar"' in before and before.count("<math") == 2
    assert "<title>Marmalade</title>" in paper and "you can spread it" in paper


def test_of_a_section_the_first_paragraph_is_kept_and_of_lists_of_mistakes_all(paper):
    assert "First" in paper and "More words" not in paper
    assert "It burns." in paper and "It boils over." in paper and "chapter 2" not in paper
    assert "Exercise 1: peel" in paper and "Peel it" not in paper


def test_nothing_answers_an_exercise(paper):
    for word in ("6 * 7", "worked out", "knife", "hedgehog", "MARK SCHEME", "NotImplementedError"):
        assert word not in paper
    assert not [name for name in shown(paper) if "secret" in name]


def test_it_needs_no_other_file_and_nothing_of_the_network(paper):
    assert not re.search(r'(src|href)="(?!data:)', paper) and "@import" not in paper and "url(" not in paper


def test_the_chapters_give_away_no_solution_no_hint_and_no_written_answer():
    for name, chapter in pages_of(REPOSITORY).items():
        source = nbformat.read(REPOSITORY / "solutions" / name / f"{name}.ipynb", as_version=4)
        text = " ".join(html.unescape(re.sub("<[^>]*>", " ", handout(chapter, name))).split())
        assert 500 < len(text.split()) < 4000 and text.count("Exercise") >= 7, name
        for cell in source.cells:
            lines = (
                re.findall(r"<details>.*?</details>", cell.source, re.DOTALL) if cell.cell_type == "markdown" else []
            )
            lines = " ".join(lines).splitlines()
            if cell.metadata.get("nbgrader", {}).get("solution"):
                lines = cell.source.splitlines()
                if cell.cell_type == "code":
                    stub = release_source(cell.source, name)
                    lines = [line for line in solution_source(cell.source).splitlines() if line not in stub]
            told = [line for line in lines if len(line.split()) > 4 and " ".join(line.split()) in text]
            assert not told, (name, cell.id, told)
