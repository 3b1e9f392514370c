"""Walks through docs/instructor-guide.md: every command and setting of it, in order, as an instructor types them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE
from autoencoder_grader.validity.corpus import Case, build
from autoencoder_grader.validity.report import CORPUS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nbgrader has no exchange on Windows")

REPOSITORY = Path(__file__).parents[1]
GUIDE = (REPOSITORY / "docs" / "instructor-guide.md").read_text(encoding="utf-8")
PROGRAMS = Path(sys.executable).parent
CHAPTER = "01_dense_autoencoder"
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DUE = "2026"  # the year of the guide's due date
#: The start of each command that a student types, and not the instructor.
STUDENTS = ("nbgrader fetch_assignment", "nbgrader submit", "nbgrader fetch_feedback")


class Walk:
    """Both sides of the guide: the course's folder, and the home of ada, who shares the machine."""

    def __init__(self, folder, monkeypatch):
        self.course, self.home, self.exchange = (folder / name for name in ("course", "ada", "exchange"))
        for path in (self.course, self.home, self.exchange):
            path.mkdir()
        self.exchange.chmod(0o777)
        shutil.copytree(REPOSITORY / "solutions" / CHAPTER, self.course / "solutions" / CHAPTER)
        shutil.copyfile(REPOSITORY / CONFIG_FILE, self.course / CONFIG_FILE)
        (self.home / CONFIG_FILE).write_text(
            f"c = get_config()\nc.Exchange.root = {str(self.exchange)!r}\nc.Exchange.cache = {str(self.home / 'cache')!r}\n"
            "c.CourseDirectory.student_id = 'ada'\n"
        )
        monkeypatch.setenv("PATH", os.pathsep.join([str(PROGRAMS), os.environ["PATH"]]))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
            monkeypatch.setenv(name, str(folder / "jupyter"))

    def configure(self, lines):
        """Put lines into the course's settings."""
        with (self.course / CONFIG_FILE).open("a", encoding="utf-8") as file:
            file.write(lines.replace("/srv/exchange", str(self.exchange)))

    def type(self, line):
        """Run one command where it is typed; return what it said."""
        command = line.replace(".venv/bin/", "").split("    #")[0].strip()
        command = command.replace(f"{DUE}-", "2099-")  # or all would be late
        where = self.home if command.startswith(STUDENTS) else self.course
        ran = subprocess.run(command, shell=True, cwd=where, capture_output=True, text=True, timeout=900)
        said = ran.stdout + ran.stderr
        assert ran.returncode == 0, f"{line}\n{said}"
        assert "Traceback" not in said, f"{line}\n{said}"
        return said


def sections():
    """[(heading, [(kind, text) of each block])] of the guide."""
    parts = re.split(r"^## (.*)$", GUIDE, flags=re.MULTILINE)
    return [(heading, BLOCK.findall(text)) for heading, text in zip(parts[1::2], parts[2::2], strict=True)]


def answer(course, home, kept):
    """Solve the chapter that was fetched into a home folder, as the corpus's right submission does."""
    case = Case("ada", "right", "1", Path(__file__), {"about": "all right", "whole": True})
    build(case, course / "notebooks", course / "solutions", REPOSITORY / CORPUS, kept)
    solved = kept / "ada" / CHAPTER
    shutil.copytree(solved, home / CHAPTER, dirs_exist_ok=True)


def download(course, folder):
    """Put what ada handed in into Moodle's download, as ben's."""
    shutil.copytree(
        course / "submitted" / "ada" / CHAPTER, folder / "moodle" / "Ben Bitdiddle_7_assignsubmission_file_"
    )
    (course / "downloads").mkdir()
    shutil.make_archive(str(course / "downloads" / "moodle"), "zip", folder / "moodle")


def test_the_guide_can_be_typed_from_top_to_end(tmp_path, monkeypatch):
    walk = Walk(tmp_path, monkeypatch)
    said, typed = {}, []
    for heading, blocks in sections():
        for kind, text in blocks:
            if kind == "text":
                (walk.course / "students.csv").write_text(text)
            elif "open_api" in text:
                typed.append("python")
                subprocess.run([sys.executable, "-c", text], cwd=walk.course, check=True, timeout=120)
            elif kind == "python":
                walk.configure(text)
            else:
                for line in text.splitlines():
                    if line.startswith("nbgrader submit"):
                        answer(walk.course, walk.home, tmp_path / "kept")
                    typed.append(line)
                    said[line] = walk.type(line)
                    if line.endswith("collect 01_dense_autoencoder --update"):
                        # ben, whom the guide names, hands in through nobody's exchange.
                        download(walk.course, tmp_path)
        if heading == "Grade one again":
            assert "1 put into place" in said[".venv/bin/autoencoder-course collect downloads/moodle.zip"]
            assert "ben/01_dense_autoencoder graded" in said[".venv/bin/autoencoder-course grade --again --student ben"]
    assert {"Release", "Collect", "Grade", "Look", "Grade one again"} <= {heading for heading, _ in sections()}
    assert len(typed) > 18
    fetched = list(walk.home.rglob("feedback/**/*.html"))
    assert fetched and "dense.encoder" in fetched[0].read_text(encoding="utf-8")
    notebook = nbformat.read(walk.course / "autograded" / "ada" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    assert notebook.metadata["autoencoder_course"]["status"] == "graded"
    moodle = (walk.course / "moodle.csv").read_text(encoding="utf-8-sig")
    assert "Ada,Lovelace,ada,101,ada@example.org,10" in moodle
    assert "101" in (walk.course / "canvas.csv").read_text(encoding="utf-8-sig")
    assert "ben" in (walk.course / "grades.csv").read_text(encoding="utf-8-sig")
