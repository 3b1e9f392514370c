"""docs/architecture.md tells of the house as it is: its picture and tables are of the code, each row is tried."""

import importlib.util
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = ("autoencoder_grader", "autoencoder_helpers")


@pytest.fixture(scope="module")
def drawing():
    """docs/draw_architecture.py as a module."""
    spec = importlib.util.spec_from_file_location("draw_architecture", REPOSITORY / "docs" / "draw_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(title):
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(text):
    """The cells of a table, without its head."""
    lines = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in lines[2:]]


def spans(cell):
    return re.findall(r"`([^`]+)`", cell)


def text_of(path):
    return (REPOSITORY / path).read_text(encoding="utf-8")


def tables(text):
    """(the head's first cell, the rows) of each table."""
    found = [block for block in text.split("\n\n") if block.lstrip().startswith("| ")]
    return [(block.strip().splitlines()[0].split(" | ")[0], rows(block)) for block in found]


#: (the folder, what one wants to change, where to look) of each row
CHANGES = [
    ((spans(head) or [""])[0], *cells) for head, found in tables(section("I want to change ...")) for cells in found
]


def test_picture_and_tables_are_of_the_code_as_it_is(drawing):
    what = "run `.venv/bin/python docs/draw_architecture.py`, and look at what it draws"
    assert text_of(drawing.PICTURE) == drawing.picture(), what
    assert drawing.page(PAGE) == PAGE, what


@pytest.mark.parametrize("package", PACKAGES)
def test_every_wing_is_drawn_and_every_arrow_goes_down(drawing, package):
    layers = drawing.layers(package)
    level = {wing: number for number, layer in enumerate(layers) for wing in layer}
    folders = {path.parent.name for path in (REPOSITORY / package).glob("*/__init__.py")}
    files = {path.stem for path in (REPOSITORY / package).glob("*.py")} - {"__init__"}
    assert set(level) == folders | files
    for wing, imported in drawing.imports()[package].items():
        assert all(level[there] > level[wing] for there in imported)
    alt = re.search(r"!\[(.*)\]", PAGE)[1]
    for wing in level:
        assert re.search(rf"\b{wing}\b", alt), f"the picture's alt text lacks {wing}"
        assert 6.65 * len(drawing.label(package, wing)) <= drawing.width(layers[level[wing]]), (
            "it would not fit its box"
        )


def test_an_arrow_that_follows_from_others_is_left_out(drawing):
    edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert drawing.needed(edges) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_the_tables_of_changes_have_rows():
    assert len(CHANGES) >= 12 and len({what for _, what, _ in CHANGES}) == len(CHANGES)


@pytest.mark.parametrize("folder, what, where", CHANGES)
def test_each_row_names_the_file_to_change(folder, what, where):
    for part in where.split(";"):
        path, *names = spans(part)
        if path.startswith("make "):
            assert re.search(rf"^{path[5:]}:", text_of("Makefile"), re.MULTILINE), path
            continue
        place = Path(folder, path)
        assert (REPOSITORY / place).exists(), place
        for name in names:
            assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text_of(place)), f"{name} is not in {place}"


def test_the_way_of_a_submission_leads_through_rooms_that_are_there():
    steps = rows(section("The way of a submission"))
    assert [number for number, *_ in steps] == [str(number) for number in range(1, len(steps) + 1)]
    for _, _, where in steps:
        package = PACKAGES[" in the helpers" in where]
        assert spans(where)
        for name in spans(where):
            assert (REPOSITORY / package / name).exists(), name


@pytest.mark.parametrize("document", ["README.md", "docs/index.md"])
def test_one_finds_the_page(document):
    assert "architecture" in text_of(document)
