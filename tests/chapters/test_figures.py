"""A number in a chapter's text was measured, and this test knows by whom: each stands in the chapter's file of figures."""

import functools
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from autoencoder_helpers.guesses.questions import questions
from autoencoder_helpers.reference.values import reference

REPOSITORY = Path(__file__).resolve().parents[2]
FIGURES = REPOSITORY / "docs" / "figures"
CHAPTERS = dict(zip(("dense", "conv", "vae", "flowers", "cells"), sorted((REPOSITORY / "solutions").glob("*/*.ipynb"))))
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?![\w.]*\d)")
#: Says that a number is of one run, and of whose.
OF_A_RUN = re.compile(r"\bseeds?\b|\b[Oo]urs?\b|[Ww]e measured|[Ss]een here|classmate|[Mm]easured with|\(50 epochs\)")


@functools.cache
def figures(prefix):
    return tomllib.loads((FIGURES / f"{prefix}.toml").read_text(encoding="utf-8"))


@functools.cache
def texts(prefix):
    """Place -> text: the markdown cells of a chapter, and the answers to its guesses, without code, links and sources."""
    cells = nbformat.read(CHAPTERS[prefix], as_version=4).cells
    found = {cell.id: cell.source for cell in cells if cell.cell_type == "markdown"}
    found |= {f"guess {name.partition('.')[2]}": question.why for name, question in questions(prefix).items()}
    return {place: plain(text) for place, text in found.items()}


def plain(text):
    text = re.sub(r"```.*?```|<code>.*?</code>", "", text, flags=re.S)
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)|(arXiv|doi) [\w./-]+", "", text)
    return text.replace("{,}", ",")


def numbers(text):
    return NUMBER.findall(text)


def of_runs(prefix):
    """[(entry, number as said, its value)], one for each number of each entry."""
    for entry in figures(prefix).get("run", ()):
        said = entry["said"].split(", ")
        values = entry["value"] if "value" in entry else [looked_up(entry["at"])]
        yield from ((entry, text, value) for text, value in zip(said, values, strict=True))


def looked_up(keys):
    name, *rest = keys
    return functools.reduce(lambda table, key: table[key], rest, reference(name))


def unknown(prefix, place, text):
    """The numbers of a text that the file of figures does not know there."""
    known = set(figures(prefix)["same"]) | {said for entry, said, _ in of_runs(prefix) if place in entry["cells"]}
    return [number for number in numbers(text) if number not in known]


each_chapter = pytest.mark.parametrize("prefix", CHAPTERS)


@each_chapter
def test_every_number_in_a_text_is_known(prefix):
    assert not {place: found for place, text in texts(prefix).items() if (found := unknown(prefix, place, text))}


@each_chapter
def test_every_figure_stands_where_its_file_says(prefix):
    everywhere = "\n".join(texts(prefix).values())
    assert not [said for said in figures(prefix)["same"] if said not in numbers(everywhere)]
    for entry, said, _ in of_runs(prefix):
        for place in entry["cells"]:
            assert said in numbers(texts(prefix)[place]), (place, said)


@each_chapter
def test_a_figure_is_what_was_measured(prefix):
    for entry, said, value in of_runs(prefix):
        digits = len(said.partition(".")[2])
        assert abs(float(said.replace(",", "")) - value) <= 0.5001 * 10**-digits, (said, value)
        assert ("at" in entry) != ("how" in entry and "value" in entry), said
        assert entry["seeds"] >= 1 and ("spread_at" not in entry or looked_up(entry["spread_at"]) > 0)


@each_chapter
def test_a_text_says_whose_run_a_figure_is_of_and_about_where_the_readers_own_will_differ(prefix):
    for entry, said, _ in of_runs(prefix):
        for place in entry["cells"]:
            text = texts(prefix)[place]
            assert entry.get("yours") or place.endswith(("written", "written-question")) or OF_A_RUN.search(text), (
                place,
                said,
            )
            if entry.get("yours"):
                assert "spread_at" in entry or "spread" in entry, said
                assert re.search(rf"\b(about|some|around) {re.escape(said)}", text), (place, said)


def test_what_is_not_known_is_found():
    assert unknown("vae", "report-read", "R fell to 149.9 nats") == ["149.9"]
    assert unknown("vae", "part-1", "R is 150.2 nats") == ["150.2"]  # known elsewhere
    assert not unknown("vae", "report-read", "R is 150.2 nats")
    assert numbers(plain("`Adam(0.005)`, [a](b/1.5), arXiv 1401.4082, 4,202.7 and 6{,}400.5")) == ["4,202.7", "6,400.5"]
