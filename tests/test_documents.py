"""The documents around the course: their links lead somewhere, their versions agree, their commands exist."""

import datetime
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from autoencoder_grader.cli import main

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


def read(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


VERSION = tomllib.loads(read("pyproject.toml"))["project"]["version"]


def name(path):
    return path.relative_to(REPOSITORY).as_posix()


def prose(text):
    """The text without code blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(path):
    text = prose(path.read_text(encoding="utf-8"))
    found = re.findall(r'\]\(([^)\s]+)(?: "[^"]*")?\)|(?:src|href)="([^"]+)"', text)
    return [markdown or html for markdown, html in found]


def anchors(path):
    """The anchors that a renderer makes of a document's headings."""
    headings = re.findall(r"^#+ +(.*?) *$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


#: Where a file may lie that a document names.
PLACES = ("", "autoencoder_grader", "autoencoder_helpers", "docs")
FILES = [
    (name(path), file)
    for path in DOCUMENTS
    for file in sorted(set(re.findall(r"(?<![\w<>*.$/-])[\w/]+\.(?:py|toml|j2)\b", path.read_text(encoding="utf-8"))))
]
LOCAL_LINKS = [(name(path), link) for path in DOCUMENTS for link in links(path) if "://" not in link]


def test_there_are_documents_and_links():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/data.md"} <= set(map(name, DOCUMENTS))
    assert len(LOCAL_LINKS) > 10


@pytest.mark.parametrize("document, file", FILES)
def test_every_file_of_code_that_is_named_is_there(document, file):
    beside = (REPOSITORY / document).parent / file
    assert beside.exists() or any((REPOSITORY / place / file).exists() for place in PLACES), f"{document}: {file}"


@pytest.mark.parametrize("document, link", LOCAL_LINKS)
def test_every_link_inside_the_repository_resolves(document, link):
    path = REPOSITORY / document
    target, _, anchor = link.partition("#")
    goal = (path.parent / target).resolve() if target else path
    assert goal.is_relative_to(REPOSITORY), f"{document} links out of the repository: {link}"
    assert goal.exists(), f"{document} links to {target}, which is not there"
    if anchor and goal.suffix == ".md":
        assert anchor in anchors(goal), f"{document} links to {link}, but there is no such heading"


def test_the_first_thing_in_the_readme_is_a_picture():
    first = read("README.md").lstrip().splitlines()[0]
    assert re.match(r"!\[[^\]]{20,}\]\(docs/images/[^)]+\)", first), "a picture with a description"


def test_the_newest_change_has_the_version_of_the_package():
    versions = re.findall(r"^## (\S+) - (\S+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[0][0] == VERSION
    dates = [datetime.date.fromisoformat(date) for _, date in versions]
    assert dates == sorted(dates, reverse=True)


def test_the_citation_is_complete_and_of_this_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format demands
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == VERSION
    assert isinstance(citation["date-released"], datetime.date)
    assert all("name" in author or "family-names" in author for author in citation["authors"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_command_in_a_document_exists(path):
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE)
    commands = re.findall(r"(?:[\\/]|^)autoencoder-course ([a-z]+)", text, re.MULTILINE)
    assert set(commands) <= set(main.commands)
    asked = re.findall(r"(?:^|`|=full )make ([a-z-]+)", text, re.MULTILINE)
    assert set(asked) <= set(targets)


def test_the_private_margins_in_the_documents_are_those_that_were_measured():
    from autoencoder_grader.references import private_margins, reference_file
    from autoencoder_helpers.reference import values as reference

    table = private_margins.markdown(reference_file.read(reference.PATH))
    assert table in read("docs/how-grading-works.md"), f"it should hold\n{table}"


def test_the_readme_names_both_commands_first():
    text = read("README.md")
    assert re.search(r"```sh\nmake demo .*\nmake test .*\n```", text)
    assert text.index("make demo") < text.index("\n## ")


def test_windows_gets_the_set_up_that_make_does():
    assert '"$$python" install.py\n' in read("Makefile")
    assert "\npy install.py\n" in read("README.md")
