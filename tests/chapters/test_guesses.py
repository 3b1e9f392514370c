"""Each "Predict first" asks for a guess, and nothing says what comes out before the cell that shows it was run.

What gives an answer away is found in two ways: by the expressions that stand beside it in the chapter's file of questions
(`tells`), and by six words in a row that its explanation has, too. That both find what they must is tested with each
explanation and with the texts that once stood open below the cells.
"""

import ast
import functools
import io
import itertools
import re
import tokenize
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.nbgrader_steps.only_shows import only_shows
from autoencoder_helpers.guesses.questions import questions

REPOSITORY = Path(__file__).resolve().parents[2]
#: Chapter -> what the names of its checks begin with, and those of its questions.
PREFIXES = {
    path.stem: re.search(r'check\(\\"(\w+)\.', path.read_text(encoding="utf-8"))[1]
    for path in sorted((REPOSITORY / "solutions").glob("*/*.ipynb"))
}
QUESTIONS = [(chapter, name) for chapter, prefix in PREFIXES.items() for name in questions(prefix)]
IN_A_ROW = 6  # words

#: What stood below a cell, or above it, for everybody to read before it was run.
ONCE_OPEN = {
    "dense.untrained": "Flat grey. Small random weights give activations near 0, and $\\sigma(0) = 1/2$.",
    "dense.perfect": "Not 0. Set the derivative to zero: the best prediction is indeed $p = x$, but there the price is",
    "dense.ruler": "The blurred mean image wins, by far.",
    "dense.nine": "The average, by far, and no other answer would be better",
    "dense.first_epoch": "In the first epoch the *test* loss is lower.",
    "dense.kept": "In our run the 9 came back as a 7 with the\n9's slant",
    "dense.second_seed": "After as many epochs nearly the same loss, and another plane.",
    "conv.dealt_out": "No: equally well, up to the luck of the start.",
    "conv.parameters": "with enough patience a thirty-second of the\nparameters gives nearly the same loss.",
    "conv.faster": "And faster? Not at all. Parameters are what must be *stored*",
    "conv.far_points": "What comes out there is\nextrapolation, and if it resembles a digit, that is luck.",
    "conv.halfway": "No. If the decoder were linear, as with PCA",
    "conv.worth": "the accuracies 0.42, 0.70 and 0.38, in the order of the table.",
    "vae.inside": "The codes lie where they like: most of them outside the\ncircles",
    "vae.zeros": "The means are 0, but $\\operatorname{softplus}(0) = \\ln 2 = 0.693$, not 1: the cloud is narrower",
    "vae.two_answers": "`predict` returns a *draw* from the cloud, and two draws differ.",
    "vae.negative": "It can: about one in nine.",
    "vae.double": "find a KL that is counted twice, and choose the weight that counts it once;",
    "vae.forgotten": "This is called <b>posterior collapse</b>.",
    "vae.betas": "$R$ improves by a few nats of 160, $K$ rises more than tenfold.",
    "vae.same_z": "What a plain autoencoder lacks is *coverage*",
    "vae.aggregate": "Near the prior, but not equal to it.",
    "flowers.floor": "Close to the baseline: most of what training will print is the floor",
    "flowers.sides": "and the last layer needs width 4 to arrive at 80.",
    "flowers.zeros": "Five times as much as in chapter 3, $5 \\cdot 0.213 = 1.067$",
    "flowers.third": "Larger. The reconstruction counts three times as much, so beta is a third",
    "flowers.untrained": "each value then costs $\\ln 2$: $6{,}400 \\cdot 0.693 = 4{,}436$.",
    "flowers.missing": "Petals cover few pixels each",
    "flowers.prior_samples": "the two rows differ like dusk and day: from the prior come grey smudges.",
    "flowers.walk": "The fade shows two flowers at once; the walk shows one flower per step, which changes.",
    "flowers.factors": "hardly a column has one bright cell",
}


@functools.cache
def read(chapter, room):
    return nbformat.read(REPOSITORY / room / chapter / f"{chapter}.ipynb", as_version=4).cells


def cells_of(chapter, room="solutions"):
    return list(read(chapter, room))


def calls(cell, function):
    """The calls of guess or came_out in a cell."""
    return calls_in(cell.source, function) if cell.cell_type == "code" else ()


@functools.cache
def calls_in(source, function):
    nodes = ast.walk(ast.parse(source)) if f"{function}(" in source else ()
    return [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == function]


def places(cells, function):
    """name -> index of the cell that asks, or answers; each once."""
    found = [(call.args[0].value, i) for i, cell in enumerate(cells) for call in calls(cell, function)]
    assert len(found) == len(dict(found))
    return dict(found)


def told_early(cells, question):
    """[(cell, text)] that give an answer away where they can be read before it was told.

    From the chapter's begin to the first heading behind the answer: what is on the screen before the cell runs.
    """
    end = places(cells, "came_out")[question.name]
    texts = [(cell.id, open_text(cell)) for cell in cells[:end]]
    for cell in cells[end + 1 :]:
        before_heading, heading, _ = (open_text(cell) + "\n").partition("\n#")
        if cell.cell_type == "markdown":
            texts.append((cell.id, "" if before_heading.startswith("#") else before_heading))
            if heading or before_heading.startswith("#"):
                break
    why = in_rows(question.why)
    found = []
    for where, text in texts:
        found += [(where, match[0]) for tell in question.tells if (match := re.search(tell, text))]
        found += [(where, " ".join(words)) for words in in_rows(text) & why]
    return found


def open_text(cell):
    """What can be read of a cell without unfolding anything: prose, or a program's comments."""
    if cell.cell_type == "code":
        return comments_of(cell.source)
    return (
        "" if "### BEGIN MARK SCHEME" in cell.source else re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S)
    )


@functools.cache
def comments_of(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join(token.string for token in tokens if token.type == tokenize.COMMENT)


@functools.cache
def in_rows(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + IN_A_ROW]) for i in range(len(words) - IN_A_ROW + 1)}


each_chapter = pytest.mark.parametrize("chapter", PREFIXES)
each_question = pytest.mark.parametrize(("chapter", "name"), QUESTIONS, ids=[name for _, name in QUESTIONS])


@each_chapter
def test_each_predict_first_asks_and_each_question_is_asked_and_answered_once(chapter):
    cells = cells_of(chapter)
    for cell, following in itertools.pairwise(cells):
        text = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S) if cell.cell_type == "markdown" else ""
        if "Predict first" in text:
            assert calls(following, "guess"), f"{cell.id} asks, and no guess follows"
            assert "Predict first" in text.split("\n\n")[-1] or not re.search(r"\n#", text.split("Predict first")[-1])
    asked, answered = places(cells, "guess"), places(cells, "came_out")
    assert asked.keys() == answered.keys() == questions(PREFIXES[chapter]).keys()


@each_chapter
def test_cells_that_ask_and_answer_do_nothing_else_and_only_show(chapter):
    for cell in cells_of(chapter):
        if not (calls(cell, "guess") or calls(cell, "came_out")):
            continue
        assert only_shows(cell), cell.id
        assert re.match(r"(guess|came-out)-", cell.id)
        for statement in ast.parse(cell.source).body:
            inside = statement.body if isinstance(statement, ast.If) else [statement]
            assert all(ast.unparse(one).startswith(("guess(", "came_out(")) for one in inside), cell.id


@each_question
def test_a_question_can_be_answered_rightly_and_only_after_its_cell_was_run(chapter, name):
    cells = cells_of(chapter)
    asked, answered = places(cells, "guess")[name], places(cells, "came_out")[name]
    (call,) = [call for call in calls(cells[asked], "guess") if call.args[0].value == name]
    choices = [ast.literal_eval(choice) for choice in call.args[1:]]
    right = questions(PREFIXES[chapter])[name].right
    assert right in choices and all(len(text) <= 60 for text in choices)
    (answer,) = calls(cells[answered], "came_out")
    used = {node.id for node in ast.walk(answer.args[1]) if isinstance(node, ast.Name)}
    assert used & (bound(cells[asked:answered]) - bound(cells[:asked])), "it could be told before its cell was run"


def bound(cells):
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


@each_question
@pytest.mark.parametrize("room", ["solutions", "notebooks"])
def test_nothing_says_what_comes_out_before_its_cell(room, chapter, name):
    assert not told_early(cells_of(chapter, room), questions(PREFIXES[chapter])[name])


@each_question
def test_what_would_say_it_is_found(chapter, name):
    """Its explanation and what once stood open, above the cell and below it; but not folded, or behind a heading."""
    question = questions(PREFIXES[chapter])[name]
    for text in filter(None, [question.why, ONCE_OPEN.get(name)]):
        for function, further in (("guess", 0), ("came_out", 0), ("came_out", 1)):
            found = told_early(with_text(chapter, name, text, function, further), question)
            assert found and {where for where, _ in found} == {"says-it"}, (function, text)
        for folded in (f"<details><summary>Compare</summary>\n\n{text}\n</details>", f"## On\n\n{text}"):
            assert not told_early(with_text(chapter, name, folded, "came_out", 1), question)


def with_text(chapter, name, text, function, further):
    cells = cells_of(chapter)
    cells.insert(places(cells, function)[name] + further, nbformat.v4.new_markdown_cell(text, id="says-it"))
    return cells
