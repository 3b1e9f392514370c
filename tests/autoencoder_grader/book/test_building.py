"""The whole way from a course to its book, with Sphinx, on a course that takes seconds; and what the command says."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from .conftest import INDEX, chapter


def start(course, *options):
    command = [sys.executable, "-m", "autoencoder_grader.cli", "--course", str(course.folder), "book", *options]
    return subprocess.Popen(
        command, cwd=course.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def book(course, *options):
    """(exit code, stdout, stderr) of the command."""
    process = start(course, *options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_book_is_built_runs_its_chapters_once_and_says_what_is_wrong(course):
    code, out, err = book(course)
    assert (code, err) == (0, ""), err
    index = course.folder / "docs" / "_build" / "html" / "index.html"
    assert out.splitlines() == ["runs 01_tiny", f"the book: {index}"]
    page = (index.parent / "chapters" / "01_tiny" / "01_tiny.html").read_text()
    assert "the answer is 42" in page and "Say the answer" in page
    assert re.search(r"<details[^>]*>.*6</span>.*</details>", page, re.DOTALL), "the solution is folded away"
    assert "marmalad" in (index.parent / "searchindex.js").read_text(), "the search knows the words of a chapter"
    assert "<math" in index.read_text() and 'src="http' not in page
    assert re.search(r"<p>A (<span[^>]*>)?folder(</span>)?, a <a", index.read_text()), "a folder has no page to link to"

    # Another text, the same code: nothing runs.
    course.write(chapter(text="# A tiny chapter of quince"))
    assert book(course)[:2] == (0, f"the book: {index}\n")
    assert "quince" in (index.parent / "chapters" / "01_tiny" / "01_tiny.html").read_text()

    # Handouts are made of the same run.
    code, out, err = book(course, "--handouts")
    paper = course.folder / "docs" / "_build" / "handouts" / "01_tiny.html"
    assert (code, out, err) == (0, f"a handout: {paper}\n", "")
    assert "A tiny chapter of quince" in paper.read_text() and "42" not in paper.read_text()

    # A link into the void fails as often as one tries.
    (course.folder / "docs" / "index.md").write_text(INDEX.replace("01_tiny.ipynb", "02_tiny.ipynb"))
    for _ in range(2):
        code, out, err = book(course)
        assert code == 1 and out == ""
        warning, verdict = err.strip().splitlines()
        assert "index.md" in warning and "02_tiny" in warning
        assert verdict == "autoencoder-course: the book was not built; the lines above say why"


def test_a_chapter_that_fails_is_one_line(course):
    course.write(chapter(aside="1 / 0"))
    code, out, err = book(course)
    assert (code, out) == (1, "runs 01_tiny\n")
    assert err == "autoencoder-course: 01_tiny, cell 'aside' could not be run: ZeroDivisionError: division by zero\n"


@pytest.mark.skipif(os.name == "nt", reason="stops the command with a signal that Windows lacks")
def test_ctrl_c_is_one_line_and_leaves_no_kernel(course):
    running = course.folder / "kernel"
    write = f"import os, pathlib, time; pathlib.Path({str(running)!r}).write_text(str(os.getpid()))"
    course.write(chapter(aside=f"{write}; time.sleep(300)"))
    process = start(course)
    try:
        until = time.monotonic() + 60
        while not (running.is_file() and running.read_text()):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and err == ""
    assert out.splitlines()[1:] == ["Stopped: the chapters that ran are kept. The same command goes on."]
    with pytest.raises(ProcessLookupError):
        os.kill(int(running.read_text()), 0)
