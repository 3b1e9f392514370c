"""Writes where the course is published into every file that says so:

    .venv/bin/python docs/set_address.py OWNER/NAME && .venv/bin/autoencoder-course release

The address stands in pyproject.toml; a test compares the others with it. As long as it is `your_account/...`, which no
account can be called, nobody else can answer in the course's place.
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SITE = "https://github.com/"
#: Files that say it. notebooks/ are made from solutions/, and the book's pages ask pyproject.toml.
PLACES = ("pyproject.toml", "README.md", "solutions/*/*.ipynb")


def address() -> str:
    """Owner and name of the repository, as pyproject.toml has them."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix(SITE)


def files() -> list[Path]:
    """The files that say it."""
    return [path for place in PLACES for path in sorted(REPOSITORY.glob(place))]


if __name__ == "__main__":
    (new,) = sys.argv[1:]
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", new):
        sys.exit(f"{new} is no OWNER/NAME")
    old = address()
    for path in files():
        text = path.read_text(encoding="utf-8")
        if old in text:
            path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")
            print(path.relative_to(REPOSITORY))
