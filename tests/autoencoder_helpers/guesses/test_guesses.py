"""Guesses: asked, kept beside the notebook, and answered after the cell that shows the truth."""

import json
import os

import pytest
from autoencoder_helpers import came_out, guess, progress
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import ENVIRONMENT
from autoencoder_helpers.guesses import asking, keeping
from autoencoder_helpers.guesses.cards import Answer, Choices
from autoencoder_helpers.guesses.questions import Question, question, questions
from autoencoder_helpers.guesses.tally import tally
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

VIEW = "application/vnd.jupyter.widget-view+json"
ASKED = "vae.double", "once", "twice", "it depends"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder beside no other notebook, in a session that has told nothing yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(asking, "_told", {})
    monkeypatch.setattr(keeping, "_IN_MEMORY", {})
    return tmp_path


def new_session(monkeypatch):
    monkeypatch.setattr(asking, "_told", {})
    monkeypatch.setattr(keeping, "_IN_MEMORY", {})


def test_choices_are_shown_and_nothing_is_waited_for(capsys, folder):
    assert guess(*ASKED) is None
    assert capsys.readouterr().out == "Your guess?\n  ☐ 1 · once\n  ☐ 2 · twice\n  ☐ 3 · it depends\n"
    assert not list(folder.iterdir())


@pytest.mark.parametrize("choice", [2, "twice"])
def test_a_guess_outlives_the_kernel_and_is_told_right(choice, capsys, monkeypatch, folder):
    guess(*ASKED, choice=choice)
    assert "☒ 2 · twice\n  ☐ 3 · it depends\nKept. You may change it" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == ["guesses.json"]
    new_session(monkeypatch)
    guess(*ASKED)
    assert "☒ 2 · twice" in capsys.readouterr().out
    came_out("vae.double", "2.00 times the exact KL")
    told = capsys.readouterr().out
    assert told.startswith("✓ As you guessed: “twice”.\nMeasured here: 2.00 times the exact KL.\n")
    assert question("vae.double").why in told


def test_until_the_answer_is_told_a_guess_may_be_changed_and_then_it_stands(capsys):
    guess(*ASKED, choice=2)
    guess(*ASKED, choice=1)
    came_out("vae.double")
    assert "≠ You guessed “once”. It came out: “twice”." in capsys.readouterr().out
    guess(*ASKED, choice=2)
    assert "☒ 1 · once" in (said := capsys.readouterr().out) and "The answer has been told." in said


def test_for_whoever_made_none_the_answer_is_folded(capsys):
    came_out("vae.double")
    assert capsys.readouterr().out.startswith("You made no guess. It came out: “twice”.")
    card = Answer(question("vae.double")).html()
    inside = card[card.index("<details>") : card.index("</details>")]
    assert "twice" in inside and "twice" not in card.replace(inside, "").lower()
    assert "<details" not in Answer(question("vae.double"), guess="once").html()


def test_a_guess_after_the_answer_was_shown_folded_unfolds_it():
    came_out("vae.double", "2.00 times")
    changed = []
    answer, _ = asking._told["vae.double"]
    asking._told["vae.double"] = answer, type("Place", (), {"update": lambda self, card: changed.append(card)})()
    guess(*ASKED, choice="once")
    assert changed == [Answer(question("vae.double"), "2.00 times", "once")]
    assert keeping.kept_in()["vae.double"] == keeping.Kept("once", told=True)


def test_in_grading_nothing_is_asked_told_kept_or_refused(monkeypatch, tmp_path, capfd, folder):
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    guess(*ASKED, choice=2)
    guess("vae.double", choice=17)
    guess("no.such", None)
    came_out("no.such")
    assert capfd.readouterr() == ("", "") and not list(folder.iterdir())


@pytest.mark.parametrize(
    "arguments, chosen, says",
    [
        (("vae.nothing", "a", "b"), None, "nothing is asked under the name 'vae.nothing'"),
        (("../vae.double", "a", "b"), None, "nothing is asked under the name"),
        ((None, "a", "b"), None, "nothing is asked under the name None"),
        (("vae.double", "a"), None, "give vae.double two to 9 different choices"),
        (("vae.double", "a", "a"), None, "two to 9 different choices"),
        (("vae.double", "a", 2), None, "each a text"),
        (ASKED, 4, "choice=4 is none of the 3; write a number from 1 to 3"),
        (ASKED, 0, "choice=0 is none"),
        (ASKED, "thrice", "choice='thrice' is none"),
    ],
)
def test_what_cannot_be_asked_is_one_line(arguments, chosen, says, folder):
    with pytest.raises(CourseError, match=says):
        guess(*arguments, choice=chosen)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"vae.double": 3}',
        '{"vae.double": {"guess": 3}}',
        "[" * 100_000,
        '"' + "a" * 300_000 + '"',
        "\0",
    ],
)
def test_a_file_that_cannot_be_read_counts_for_nothing_and_is_replaced(content, folder):
    (folder / "guesses.json").write_text(content)
    assert keeping.kept_in() == {}
    guess(*ASKED, choice=1)
    assert json.loads((folder / "guesses.json").read_text()) == {"vae.double": {"guess": "once", "told": False}}


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(folder):
    os.mkfifo(folder / "guesses.json")
    assert keeping.kept_in() == {}


def test_where_nothing_can_be_written_a_guess_lasts_as_long_as_the_kernel(monkeypatch, folder):
    (folder / "guesses.json").mkdir()  # in its place
    assert asking._choose("vae.double", "once") == (
        "once",
        "Kept. You may change it until the answer is told. It lasts as long as this kernel: the notebook's folder cannot "
        "be written to.",
        True,
    )
    came_out("vae.double")
    assert tally("vae").startswith("Guesses: 0 of 1 right.")
    assert [path.name for path in folder.iterdir()] == ["guesses.json"]
    new_session(monkeypatch)
    assert keeping.kept_in() == {}


def test_the_chapters_card_counts_right_guesses_and_wrong_ones_of_one_idea(capsys):
    def answer(**guesses):
        for name, text in guesses.items():
            keeping.keep(f"vae.{name}", text, told=True)
        return tally("vae")

    keeping.keep("vae.negative", "no")  # not told yet
    assert tally("vae").startswith("Guesses: none answered.")
    assert answer(double="twice") == "Guesses: 1 of 1 right."
    balance = question("vae.double").idea
    assert answer(forgotten="no") == f"Guesses: 1 of 2 right. The wrong one is about this: {balance}."
    assert answer(inside="all") == "Guesses: 1 of 3 right. The 2 wrong ones are about different ideas."
    assert answer(betas="no") == f"Guesses: 1 of 4 right. 2 of the 3 wrong ones are about the same idea: {balance}."
    assert answer(inside="less than half") == (
        f"Guesses: 2 of 4 right. All 2 wrong ones are about the same idea: {balance}."
    )
    card = progress("vae")
    assert tally("vae") in repr(card) and "about the same idea" in card._repr_mimebundle_()["text/html"]
    assert tally("no_such_chapter") == ""


def test_cards_show_texts_as_texts():
    asked = Question("a.b", "<b>", "", "if `x < 1`\n\nand <i>", ())
    page = Answer(asked, "1 < 2", "<s>").html() + Choices(("<u>", "b"), "<u>").html()
    assert "<b>" not in page and "<i>" not in page and "<s>" not in page and "<u>" not in page
    assert "<code>x &lt; 1</code>" in page and "1 &lt; 2" in page and 'aria-label="your guess"' in page


def test_a_pressed_button_is_kept_and_may_be_changed_until_the_answer_is_told():
    buttons = pytest.importorskip("autoencoder_helpers.guesses.buttons").Buttons(
        ASKED[1:], lambda text: asking._choose("vae.double", text)
    )
    assert [button.description for button in buttons._buttons] == ["1 · once", "2 · twice", "3 · it depends"]
    buttons._buttons[0].click()
    buttons._buttons[1].click()
    assert [button.description for button in buttons._buttons] == ["1 · once", "✓ · twice", "3 · it depends"]
    assert keeping.kept_in()["vae.double"].guess == "twice" and "Kept." in buttons._line.value
    came_out("vae.double")
    buttons._buttons[0].click()
    assert keeping.kept_in()["vae.double"].guess == "twice" and "✓ · twice" in buttons._buttons[1].description
    assert all(button.disabled for button in buttons._buttons)


def test_in_a_notebook_that_nobody_sits_before_it_is_a_list_to_tick_and_the_answer_is_folded(folder):
    cells = ["from autoencoder_helpers import came_out, guess", f"guess{ASKED}", "came_out('vae.double')"]
    notebook = new_notebook(cells=[new_code_cell(text) for text in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    _, (asked,), (told,) = (cell.outputs for cell in notebook.cells)
    assert VIEW not in asked.data and "☐</span> 2 · twice" in asked.data["text/html"] and "choice=" not in str(asked)
    assert "<details>" in told.data["text/html"] and told.data["text/plain"].startswith("You made no guess.")
    assert not list(folder.iterdir())


def test_before_a_person_there_are_buttons_and_without_the_widgets_a_line_says_what_to_write(monkeypatch, capsys):
    buttons = pytest.importorskip("autoencoder_helpers.guesses.buttons")
    shown = []
    monkeypatch.setattr(asking, "shows_cards", lambda: True)
    monkeypatch.setattr(asking, "somebody_is_there", lambda: True)
    monkeypatch.setattr(asking, "_show", shown.append)
    monkeypatch.setattr(buttons, "display", lambda bundle, **_: shown.append(bundle))
    guess(*ASKED)
    assert VIEW in shown[0] and "☐</span> 1 · once" in shown[0]["text/html"]
    assert "Run this cell" in shown[0]["text/html"] and "Run this cell" in shown[0]["text/plain"]
    monkeypatch.setitem(__import__("sys").modules, "autoencoder_helpers.guesses.buttons", None)
    guess(*ASKED)
    assert "write its number behind the choices, as in `choice=2`" in str(shown[1])


@pytest.mark.parametrize("chapter", ["dense", "conv", "vae", "flowers"])
def test_every_chapter_of_digits_and_flowers_asks_and_says_why(chapter):
    found = questions(chapter)
    assert len(found) >= 7
    for one in found.values():
        assert one.why and one.tells and not one.idea.endswith(".")
