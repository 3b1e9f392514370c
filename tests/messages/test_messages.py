"""Answers in short form, each with the mistake that a good teacher would name: the card has to name it.

An entry of the `*.toml` beside this file is one answer to one check:

    [[answers]]
    check = "dense.encoder"
    mistake = "bottleneck-activation"       # the slug that the card must show; a list where it shows several
    about = "relu on the code"              # what was done, in a few words
    code = "encoder = ..."                  # the learner's cell; what it does not make, tests/support/given_answers.py has
    named = "wrong-value"                   # only where the rule cannot say it yet: what it says in its place

What is said in its place must be general: a card that names another mistake leads astray, one that names none does
not. `asked.toml` has answers as people asked about them in public, in our own words and code.
"""

import dis
import tomllib
from pathlib import Path
from types import CodeType, SimpleNamespace

import pytest
from autoencoder_helpers.checks import catalogue, failed_cells
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.evidence import training_records

HERE = Path(__file__).parent
#: Slugs that say no more than that something is wrong, or that an error came.
GENERAL = {
    *("wrong-value", "wrong-image", "wrong-distance", "wrong-accuracy", "other-codes", "other-images", "raises"),
    *("wrong-kl", "kl-formula", "wrong-kl-weight", "wrong-scale", "wrong-loss", "cannot-be-rebuilt", "cell-failed"),
    *("wrong-floor", "wrong-baseline", "wrong-reconstruction", "wrong-shape", "uneven-steps", "trained-too-little"),
}


class FewImages(PublicData):
    """So few that all entries take less than a minute, and enough to tell a mistake."""

    @property
    def unseen_digits(self):
        return self.mnist_images[:500]


DATA = FewImages()


def entries():
    """(file's name, entry) of all answers."""
    files = sorted(HERE.glob("*.toml"))
    return [(file.stem, entry) for file in files for entry in tomllib.loads(file.read_text("utf-8"))["answers"]]


def slugs(mistake):
    return [mistake] if isinstance(mistake, str) else list(mistake)


def needed(cell: CodeType) -> set[str]:
    """The names that a cell finds in its notebook: looked up before it makes them, or in its functions and not made."""
    made, found, later = set(), set(), set()
    for line in dis.get_instructions(cell):
        if line.opname == "STORE_NAME":
            made.add(line.argval)
        elif line.opname == "LOAD_NAME" and line.argval not in made:
            found.add(line.argval)
        elif isinstance(line.argval, CodeType):
            later |= looked_up(line.argval)
    return found | (later - made)


def looked_up(function: CodeType) -> set[str]:
    """The global names that a function, and those inside it, look up."""
    lines = list(dis.get_instructions(function))
    names = {line.argval for line in lines if line.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(looked_up(line.argval) for line in lines if isinstance(line.argval, CodeType)))


def handed_in(entry) -> dict:
    """The answers to an entry's check when its cell has run in the notebook."""
    import given_answers  # imports TensorFlow, which those who only read the entries need not

    rule = catalogue()[entry["check"]]
    factories = given_answers.GIVEN[entry["check"].split(".")[0]]
    names = dict(given_answers.IMPORTED)

    def given(name):
        if name not in names:
            names[name] = factories[name](given)
        return names[name]

    cell = compile(entry["code"], f"<{entry['about']}>", "exec")
    for name in sorted(needed(cell) & set(factories)):
        given(name)
    made = set(cell.co_names) & set(rule.answers)
    done = SimpleNamespace(info=SimpleNamespace(raw_cell=entry["code"]), error_before_exec=None, error_in_exec=None)
    try:
        exec(cell, names)
    except Exception as error:  # noqa: BLE001 - a learner's cell that fails leaves None
        done.error_in_exec = error
        names |= dict.fromkeys(made)
    failed_cells._after_cell(done)
    return {name: given(name) if name in factories else names.get(name) for name in rule.answers}


@pytest.fixture(autouse=True)
def no_cell_failed(monkeypatch):
    """Each entry is a notebook of its own."""
    monkeypatch.setattr(training_records, "_trained", set())
    monkeypatch.setattr(failed_cells, "_failed", {})
    monkeypatch.setattr(failed_cells, "_made_of", {})


@pytest.mark.parametrize(
    "entry", [pytest.param(entry, id=f"{file}: {entry['check']}: {entry['about']}") for file, entry in entries()]
)
def test_the_card_names_the_mistake(entry):
    result = run_rule(catalogue()[entry["check"]], (), handed_in(entry), data=DATA, seed=321)
    found = list(dict.fromkeys(step.mistake for step in result.failures))
    assert found == slugs(entry.get("named", entry["mistake"])), f"{entry['about']}\n{entry['code']}\n{result}"


def test_all_but_a_few_are_named_and_none_wrongly():
    found = [entry for _, entry in entries()]
    unnamed = [entry for entry in found if "named" in entry]
    assert len(unnamed) <= 0.05 * len(found)
    for entry in unnamed:
        assert set(slugs(entry["named"])) <= GENERAL, entry["about"]
        assert not set(slugs(entry["mistake"])) & GENERAL, entry["about"]


def test_there_are_enough_of_all_kinds():
    found = entries()
    assert len(found) >= 200
    assert len([entry for file, entry in found if file == "asked"]) >= 50
    assert {entry["check"] for _, entry in found} == set(catalogue())
    about = [(entry["check"], entry["about"]) for _, entry in found]
    assert len(set(about)) == len(about)
