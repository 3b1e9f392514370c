"""A learner's copy of the chapters: made once, never overwritten; and JupyterLab opens on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests
from autoencoder_grader.learning.lab import RECORD, SETTINGS, jupyterlab_command, prepare_work, to_go_on_with
from autoencoder_grader.learning.saving import keep_pictures
from autoencoder_helpers.errors import CourseError
from nbformat.v4 import new_code_cell, new_notebook, new_output

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def release(tmp_path):
    """A release of two chapters, the second with a picture beside the notebook."""
    for chapter in ("01_one", "02_two"):
        folder = tmp_path / "notebooks" / chapter
        folder.mkdir(parents=True)
        (folder / f"{chapter}.ipynb").write_text(f"{chapter} as released")
    (folder / "images").mkdir()
    (folder / "images" / "digit.png").write_bytes(b"picture")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "02_two-checkpoint.ipynb").touch()
    return tmp_path / "notebooks"


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def test_the_first_time_copies_everything_visible(release, work):
    lines = prepare_work(release, work)
    assert [line.split()[:2] for line in lines] == [["copied", "01_one"], ["copied", "02_two"]]
    copies = files(work)
    del copies[RECORD]
    assert copies == {
        "01_one/01_one.ipynb": "01_one as released",
        "02_two/02_two.ipynb": "02_two as released",
        "02_two/images/digit.png": "picture",
    }


def test_a_second_time_changes_and_says_nothing(release, work):
    prepare_work(release, work)
    (work / "01_one" / "01_one.ipynb").write_text("the learner's work")
    before = files(work)
    assert prepare_work(release, work) == []
    assert files(work) == before


def test_a_changed_release_is_told_and_the_work_kept(release, work):
    prepare_work(release, work)
    (work / "01_one" / "01_one.ipynb").write_text("the learner's work")
    (release / "01_one" / "01_one.ipynb").write_text("01_one, second edition")
    for _ in range(2):  # told every time, not once
        (line,) = prepare_work(release, work)
        assert line.startswith("01_one: the release has changed") and "rename" in line
        assert (work / "01_one" / "01_one.ipynb").read_text() == "the learner's work"
    (work / "01_one").rename(work / "01_one_old")
    (line,) = prepare_work(release, work)
    assert line.startswith("copied 01_one")
    assert prepare_work(release, work) == []


def test_a_new_chapter_and_a_deleted_file_are_copied(release, work):
    prepare_work(release, work)
    (work / "02_two" / "images" / "digit.png").unlink()
    (release / "03_three").mkdir()
    (release / "03_three" / "03_three.ipynb").touch()
    assert [line.split()[1] for line in prepare_work(release, work)] == ["02_two", "03_three"]


@pytest.mark.parametrize("damage", ["", "{", "[1]", '"text"'])
def test_a_damaged_record_costs_no_work(release, work, damage):
    prepare_work(release, work)
    (work / "01_one" / "01_one.ipynb").write_text("the learner's work")
    (work / RECORD).write_text(damage)
    assert prepare_work(release, work) == []
    assert (work / "01_one" / "01_one.ipynb").read_text() == "the learner's work"
    # The untouched copies are known again; where the learner's came from cannot be.
    assert set(json.loads((work / RECORD).read_text())) == {"02_two/02_two.ipynb", "02_two/images/digit.png"}


def test_without_a_release_the_way_to_one_is_named(tmp_path):
    with pytest.raises(CourseError, match="autoencoder-course release"):
        prepare_work(tmp_path / "notebooks", tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_folder_that_cannot_be_made_is_named(release, work):
    work.write_text("a file in the way")
    with pytest.raises(CourseError, match="work"):
        prepare_work(release, work)


def test_it_opens_with_the_chapter_that_was_saved_last(release, work):
    assert to_go_on_with(work) is None and not any("default_url" in part for part in jupyterlab_command(work))
    prepare_work(release, work)
    one, two = (work / name / f"{name}.ipynb" for name in ("01_one", "02_two"))
    assert to_go_on_with(work) == one, "no chapter is begun"
    two.write_text("the learner's work")
    assert to_go_on_with(work) == two
    one.write_text("more of it")
    os.utime(two, (1, 1))
    assert to_go_on_with(work) == one
    assert "--LabApp.default_url=/lab/tree/01_one/01_one.ipynb" in jupyterlab_command(work)


def test_options_reach_jupyterlab(work):
    plain = jupyterlab_command(work)
    assert plain[:3] == [sys.executable, "-m", "jupyterlab"]
    assert not any(part.startswith(("--port", "--no-browser")) for part in plain)
    assert jupyterlab_command(work, browser=False, port=8899, options=["--debug"])[-3:] == [
        "--no-browser",
        "--port=8899",
        "--debug",
    ]


def test_nbgraders_button_waits_for_a_training(monkeypatch):
    from nbgrader.apps import NbGrader

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(SETTINGS))
    app = NbGrader()
    app.load_config_file()
    assert (app.config.Execute.timeout, app.config.Execute.iopub_timeout) == (1800, 180)


def showing(data):
    """A notebook with one cell that shows this."""
    output = new_output("display_data", data)
    return new_notebook(cells=[new_code_cell("explore", outputs=[output])])


def test_a_saved_notebook_keeps_the_picture_or_the_card_in_place_of_the_widget():
    both, widget = showing({VIEW: {}, "image/png": "AA==", "text/plain": "a"}), showing({VIEW: {}, "text/plain": "a"})
    card = showing({VIEW: {}, "text/html": "<div>a</div>", "text/plain": "a"})
    for notebook in (both, widget, card):
        keep_pictures(model={"type": "notebook", "content": notebook}, path="a.ipynb", contents_manager=None)
    assert list(both.cells[0].outputs[0].data) == ["image/png", "text/plain"]
    assert list(card.cells[0].outputs[0].data) == ["text/html", "text/plain"]
    assert VIEW in widget.cells[0].outputs[0].data, "nothing could take its place"
    keep_pictures(model={"type": "file", "content": "text"})
    keep_pictures(model={"type": "notebook", "content": None})


@pytest.mark.skipif(os.name == "nt", reason="stops the server with a signal that Windows lacks")
def test_the_command_opens_jupyterlab_on_the_copies(release, work, tmp_path):
    (tmp_path / "nbgrader_config.py").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--course", tmp_path, "lab", "--no-browser", "--port", port, "--ServerApp.token=secret"]
    if os.geteuid() == 0:
        arguments.append("--allow-root")
    log = tmp_path / "log.txt"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "autoencoder_grader.cli", *map(str, arguments)],
            stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    try:
        chapters = _wait_for(f"http://127.0.0.1:{port}/api/contents/", server, log)
        assert {entry["name"] for entry in chapters["content"]} == {"01_one", "02_two"}
        address, token = f"http://127.0.0.1:{port}/api/contents/seen.ipynb", {"Authorization": "token secret"}
        seen = {"type": "notebook", "content": showing({VIEW: {"model_id": "1"}, "image/png": "AA=="})}
        requests.put(address, json=seen, headers=token, timeout=60).raise_for_status()
        saved = json.loads((tmp_path / "work" / "seen.ipynb").read_text())
        assert list(saved["cells"][0]["outputs"][0]["data"]) == ["image/png"]
        extensions = _wait_for(f"http://127.0.0.1:{port}/lab/api/extensions", server, log)
        assert any("jupyterlab-manager" in entry["name"] for entry in extensions), "the others are still there"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def _wait_for(address, server, log):
    """Return what the server answers, within two minutes; a busy machine takes its time to start it."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            answer = requests.get(address, headers={"Authorization": "token secret"}, timeout=10)
            if answer.ok:
                return answer.json()
        except requests.ConnectionError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"no answer within two minutes: {log.read_text()}")
