"""Draws images/architecture.svg, and writes the tables of the wings and the list of walls into architecture.md:

    .venv/bin/python docs/draw_architecture.py

Wings stand in the layers that pyproject.toml gives them; arrows are the imports in the code. A test does both again and
compares, so that neither can tell of a house that is no longer there.
"""

import ast
import html
import re
import tomllib
from pathlib import Path

import grimp

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURE = Path("docs/images/architecture.svg")
PAGE = Path("docs/architecture.md")
GRADER, HELPERS = "autoencoder_grader", "autoencoder_helpers"

#: Where a wing stands in its layer, left to right; so chosen that arrows meet no box. Others stand in the middle.
COLUMN = {
    "demo": 0,
    "validity": 2,
    "results": 0,
    "arrivals": 0,
    "engine": 1,
    "book": 2,
    "references": 2,
    "kernels": 0,
    "learning": 2,
    "images": 0,
    "evidence": 2,
    "shipped": 2,
}
#: Layers that are drawn as slabs over the whole width: the roof, which may import any wing, and the ground.
SLABS = {
    *("cli", "course", "files", "cards", "front_end", "measures", "moving", "old_names", "quiet", "surroundings"),
    "errors",
}

#: In pixels; as wide as a page of the book is, so that letters are as large as they are meant there.
WIDTH, BOX, HEIGHT, GAP, ROW = 636, 192, 46, 16, 72
UNDER_SLAB = 8
STYLE = """\
svg { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.page { fill: #ffffff; } .room { fill: #f3f5f8; stroke: #c3cad4; } .box { fill: #ffffff; stroke: #33587f; }
.slab { fill: #e4e9f0; stroke: #8796a8; } .name { fill: #14202e; font-weight: 600; font-size: 15px; }
.what { fill: #3c4a5a; font-size: 12px; } .head { fill: #14202e; font-weight: 600; font-size: 17px; }
.arrow { stroke: #33587f; fill: none; stroke-width: 1.6; } .tip { fill: #33587f; }
@media (prefers-color-scheme: dark) {
.page { fill: #10151c; } .room { fill: #18202b; stroke: #3d4a5b; } .box { fill: #10151c; stroke: #8fb4dc; }
.slab { fill: #243040; stroke: #61738a; } .name, .head { fill: #eef3f9; } .what { fill: #c2ccd8; }
.arrow { stroke: #8fb4dc; } .tip { fill: #8fb4dc; }
}"""


def contracts():
    """The walls, as pyproject.toml has them."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["importlinter"]["contracts"]


def layers(package):
    """The layers of a package from the top, each a list of wings."""
    (found,) = (one["layers"] for one in contracts() if one.get("containers") == [package])
    return [re.split(r" *[|:] *", layer) for layer in found]


def imports():
    """For each package: wing -> the wings of the package that it imports, by the code as it is."""
    graph = grimp.build_graph(GRADER, HELPERS, exclude_type_checking_imports=True, cache_dir=None)
    found = {}
    for package in (GRADER, HELPERS):
        wings = [wing for layer in layers(package) for wing in layer]
        edges = found[package] = {wing: set() for wing in wings}
        for module in graph.find_descendants(package):
            for imported in graph.find_modules_directly_imported_by(module):
                here, there = (name.split(".")[1] for name in (module, f"{imported}."))
                if imported.split(".")[0] == package and there in edges and there != here:
                    edges[here].add(there)
    return found


def docstring(package, wing):
    """The first line of what a wing says of itself."""
    path = REPOSITORY / package / wing
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0].rstrip(".")


def label(package, wing):
    """The few words of a box: the docstring up to its first stop."""
    return re.split(r"[:,] ", docstring(package, wing))[0].replace("`", "")


def width(layer):
    """How wide a box of a layer is."""
    return (WIDTH - 40 - GAP * (len(layer) - 1)) / len(layer) if set(layer) <= SLABS else BOX


def needed(edges):
    """The edges that do not follow from others."""

    def reaches(wing, goal):
        return wing == goal or any(reaches(further, goal) for further in edges[wing])

    return {
        wing: {there for there in to if not any(reaches(other, there) for other in to - {there})}
        for wing, to in edges.items()
    }


def text(x, y, kind, words, anchor="middle"):
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{html.escape(words)}</text>'


def box(x, y, width, kind, name, words):
    middle = x + width / 2
    return [
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" rx="7"/>',
        text(middle, y + 19, "name", name),
        text(middle, y + 37, "what", words),
    ]


def arrow(start, end):
    """From the bottom of a box to the top of one further down."""
    (x1, y1), (x2, y2) = start, end
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    back, side = 9, 4.5
    tip = [(x2, y2), (x2 - back * dx + side * dy, y2 - back * dy - side * dx)]
    tip.append((x2 - back * dx - side * dy, y2 - back * dy + side * dx))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in tip)
    line = f"M{x1:.1f} {y1:.1f} L{x2 - 6 * dx:.1f} {y2 - 6 * dy:.1f}"
    return [f'<path class="arrow" d="{line}"/>', f'<polygon class="tip" points="{points}"/>']


def room(package, words, edges, top):
    """A package: its wings in layers, the arrows between them; (the elements, where it ends)."""
    boxes, places, y = [], {}, top + 40
    for layer in layers(package):
        slabs, wide = set(layer) <= SLABS, width(layer)
        for number, wing in enumerate(layer):
            if slabs:
                boxes += box(20 + number * (wide + GAP), y, wide, "slab", wing, label(package, wing))
            else:
                x = 20 + COLUMN.get(wing, 1) * (BOX + (WIDTH - 40 - 3 * BOX) / 2)
                places[wing] = x + BOX / 2, y
                boxes += box(x, y, BOX, "box", wing, label(package, wing))
        y += HEIGHT + UNDER_SLAB if slabs else ROW
    arrows = []
    for wing, to in needed(edges).items():
        for there in sorted(to & set(places)) if wing in places else ():
            (x1, y1), (x2, y2) = places[wing], places[there]
            aside = max(-BOX / 3, min(BOX / 3, (x2 - x1) / 3.2))
            arrows += arrow((x1 + aside, y1 + HEIGHT), (x2 - aside, y2))
    end = y - UNDER_SLAB + 14
    frame = f'<rect class="room" x="6" y="{top}" width="{WIDTH - 12}" height="{end - top:g}" rx="10"/>'
    return [frame, text(24, top + 26, "head", f"{package}: {words}", "start"), *boxes, *arrows], end


def picture():
    """The whole picture, as the text of an SVG file."""
    edges = imports()
    upper, end = room(GRADER, "what an instructor runs", edges[GRADER], 8)
    lower, bottom = room(HELPERS, "what a notebook imports", edges[HELPERS], end + 40)
    between = arrow((WIDTH / 2, end), (WIDTH / 2, end + 40))
    inside = "\n".join(["<style>", STYLE, "</style>", f'<rect class="page" width="{WIDTH}" height="{bottom + 8:g}"/>'])
    size = f'width="{WIDTH}" height="{bottom + 8:g}" viewBox="0 0 {WIDTH} {bottom + 8:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">'
    title = (
        '<title id="title">The wings of both packages in layers, with arrows for imports, all of them downwards</title>'
    )
    return "\n".join([head, title, inside, *upper, *lower, *between, "</svg>", ""])


def tables():
    """For each package a table of its wings from the top: what is behind each door, and what it imports."""
    edges, rows = imports(), []
    for package in (GRADER, HELPERS):
        rows += [f"| in `{package}/` | what is behind the door | imports |", "| --- | --- | --- |"]
        below = [wing for layer in layers(package) for wing in layer]
        for wing in below:
            door = f"[`{wing}/`](../{package}/{wing})" if (REPOSITORY / package / wing).is_dir() else f"`{wing}.py`"
            to = ", ".join(there for there in below if there in edges[package][wing]) or "none of these"
            rows.append(f"| {door} | {docstring(package, wing)} | {to} |")
        rows.append("")
    return "\n".join(rows)


def walls():
    """A line for each contract."""
    return "".join(f"- {contract['name']}.\n" for contract in contracts())


def page(now):
    """The text of architecture.md, with tables and walls as they are."""
    for mark, text in (("<!-- the wings -->\n", tables()), ("<!-- the walls -->\n", walls())):
        before, _, rest = now.partition(mark)
        now = f"{before}{mark}\n{text}\n<!-- until here -->{rest.partition('<!-- until here -->')[2]}"
    return now


if __name__ == "__main__":
    (REPOSITORY / PICTURE).write_text(picture(), encoding="utf-8")
    path = REPOSITORY / PAGE
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
