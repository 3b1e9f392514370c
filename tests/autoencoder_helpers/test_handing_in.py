"""A chapter and its weights become one file, in Jupyter and on Colab, and `collect` takes it."""

import json
import sys
import types
import zipfile

import nbformat
import pytest
from autoencoder_helpers import CourseError, hand_in
from autoencoder_helpers.handing_in import CHAPTERS

NOTEBOOK = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_code_cell(
            "check('vae.prior', prior)", metadata={"nbgrader": {"grade_id": "vae-prior", "grade": True}}
        )
    ]
)
CHAPTER = "03_variational_autoencoder"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with weights, which is the kernel's."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vae.npz").write_bytes(b"weights")
    (tmp_path / "weights" / "vae.npz.tmp").write_bytes(b"half")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path


def held(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("how", ["the only one", "named", "Jupyter says"])
def test_a_saved_notebook_is_packed_with_its_weights(here, capsys, monkeypatch, how):
    nbformat.write(NOTEBOOK, here / "my work.ipynb")
    if how != "the only one":
        nbformat.write(nbformat.v4.new_notebook(), here / "other.ipynb")
    if how == "Jupyter says":
        monkeypatch.setenv("JPY_SESSION_NAME", "/some/where/my work.ipynb")
    path = hand_in("my work.ipynb") if how == "named" else hand_in()
    assert path == (here if how != "named" else path.parent) / f"{CHAPTER}.zip"
    files = held(path)
    assert sorted(files) == [f"{CHAPTER}/{CHAPTER}.ipynb", f"{CHAPTER}/weights/vae.npz"]
    assert files[f"{CHAPTER}/{CHAPTER}.ipynb"] == (here / "my work.ipynb").read_bytes()
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "as saved at" in out and "1 trained networks" in out


def test_on_colab_the_page_is_asked_and_the_file_downloaded(here, capsys, monkeypatch):
    downloaded = []
    colab = {
        "google.colab": {},
        "google.colab._message": {
            "blocking_request": lambda what, timeout_sec: {"ipynb": json.loads(nbformat.writes(NOTEBOOK))}
        },
        "google.colab.files": {"download": downloaded.append},
    }
    for name, parts in colab.items():
        module = types.ModuleType(name)
        vars(module).update(parts)
        monkeypatch.setitem(sys.modules, name, module)
    path = hand_in()
    assert downloaded == [str(path)] and "as it is now" in capsys.readouterr().out
    back = nbformat.reads(held(path)[f"{CHAPTER}/{CHAPTER}.ipynb"].decode(), as_version=4)
    assert back.cells[0].source == NOTEBOOK.cells[0].source
    monkeypatch.setattr(sys.modules["google.colab._message"], "blocking_request", lambda what, timeout_sec: None)
    with pytest.raises(CourseError, match="File, Download"):
        hand_in()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "there are: none"),
        ({"a.ipynb": b"{}", "b.ipynb": b"{}"}, "a.ipynb, b.ipynb"),
        ({"a.ipynb": b"no notebook"}, "a.ipynb is no notebook"),
        ({"a.ipynb": b'{"cells": 3}'}, "a.ipynb is no notebook"),
    ],
)
def test_what_cannot_be_handed_in_is_one_line(here, files, says):
    for name, content in files.items():
        (here / name).write_bytes(content)
    with pytest.raises(CourseError, match=says) as caught:
        hand_in()
    assert "\n" not in str(caught.value)


def test_every_chapter_of_the_course_has_its_name(pytestconfig):
    there = {path.name for path in (pytestconfig.rootpath / "solutions").iterdir() if path.is_dir()}
    assert there <= set(CHAPTERS.values())
