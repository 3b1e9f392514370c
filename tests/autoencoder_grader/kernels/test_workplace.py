"""Where a submission runs: what is copied there and back, and what a learner's code can leave there."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_grader.engine.submissions import Submission, problem_with
from autoencoder_grader.kernels import sandbox, workplace
from autoencoder_grader.kernels.provisioner import Supervised
from autoencoder_grader.kernels.workplace import DEEPEST, Workplace, copy_plain_files, plain_files
from autoencoder_helpers.checks.handing_over import ASKED_FOR
from autoencoder_helpers.evidence.messages import ENVIRONMENT, NOT_WHOLE, TRAINS
from sandboxes import needs_landlock, needs_sandbox

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs links and FIFOs")


@pytest.fixture
def submitted(tmp_path):
    """A submission's folder with a notebook, weights and a module."""
    folder = tmp_path / "submitted"
    for name in ("01.ipynb", "weights/net.npz", "helper.py", "data/a/b/table.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"PK\x03\x04{name}" if name.endswith(".npz") else name)
    return folder


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def deep_folder():
    """Makes folders in folders, deeper than a path may be long; removes them after the test."""
    made = []

    def make(top, levels):
        made.append(top / "d")
        here = os.open(top, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("file.npz", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)

    yield make
    subprocess.run(["rm", "-rf", "--", *made], check=True)  # what tidies up after pytest goes less deep


# --------------------------------------------------------------------------------------------- what is copied


def test_the_plain_files_of_a_submission_are_there_but_its_notebooks(submitted):
    (submitted / ".profile").write_text("exit")
    (submitted / ".config").mkdir()
    (submitted / ".config" / "startup.py").write_text("exit()")
    with Workplace(submitted, tier="") as place:
        visible = [name for name in names(place.home) if not name.startswith(".")]
        assert visible == ["data/a/b/table.csv", "helper.py", "weights/net.npz"]
        assert not (place.home / ".profile").exists() and not (place.home / ".config").exists()
        assert (place.home / "helper.py").read_text() == "helper.py"
        top = place.home.parent
    assert not top.exists()


@posix_only
def test_no_link_is_followed_and_no_fifo_waited_for(submitted, tmp_path):
    secret = tmp_path / "elsewhere" / "secret.npz"
    secret.parent.mkdir()
    secret.write_text("another's")
    (submitted / "link.npz").symlink_to(secret)
    (submitted / "folder").symlink_to(secret.parent)
    (submitted / "weights" / "dangling.npz").symlink_to("nowhere")
    os.mkfifo(submitted / "weights" / "pipe.npz")
    assert len(list(plain_files(submitted))) == 4
    copy_plain_files(submitted, tmp_path / "copy")
    assert names(tmp_path / "copy") == ["01.ipynb", "data/a/b/table.csv", "helper.py", "weights/net.npz"]
    assert not [path for path in (tmp_path / "copy").rglob("*") if path.is_symlink()]


@posix_only
def test_of_a_folder_that_is_a_link_nothing_is_copied(submitted, tmp_path):
    (tmp_path / "link").symlink_to(submitted)
    assert list(plain_files(tmp_path / "link")) == []
    assert list(plain_files(tmp_path / "nothing")) == []


def test_a_file_that_is_too_large_is_left_out(submitted, tmp_path, monkeypatch):
    monkeypatch.setattr(workplace, "MOST_BYTES", 100)
    (submitted / "large.bin").write_bytes(b"x" * 101)
    (submitted / "small.bin").write_bytes(b"x" * 100)
    copy_plain_files(submitted, tmp_path / "copy")
    assert "small.bin" in names(tmp_path / "copy") and "large.bin" not in names(tmp_path / "copy")


@posix_only
def test_folders_in_folders_without_end_are_not_followed(submitted, tmp_path, deep_folder):
    deep_folder(submitted, 3000)
    copy_plain_files(submitted, tmp_path / "copy")
    assert "helper.py" in names(tmp_path / "copy") and "file.npz" not in str(names(tmp_path / "copy"))
    with Workplace(submitted, tier="") as place:
        assert (place.home / "weights" / "net.npz").exists()


def test_honest_folders_in_folders_are(submitted, tmp_path):
    path = submitted.joinpath(*["d"] * DEEPEST, "file.txt")
    path.parent.mkdir(parents=True)
    path.write_text("x")
    copy_plain_files(submitted, tmp_path / "copy")
    assert path.relative_to(submitted).as_posix() in names(tmp_path / "copy")


def test_a_full_disk_is_an_error_and_an_odd_name_is_none(submitted, tmp_path, monkeypatch):
    """Weights that silently stay behind would cost a right answer its points."""
    copy_plain_files(submitted, tmp_path / "copy")
    (tmp_path / "copy" / "helper.py").unlink()
    (tmp_path / "copy" / "helper.py").mkdir()
    copy_plain_files(submitted, tmp_path / "copy")  # a folder has taken the file's place
    assert (tmp_path / "copy" / "helper.py").is_dir()
    assert not [name for name in names(tmp_path / "copy") if "partial" in name]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        copy_plain_files(submitted, tmp_path / "copy")


@posix_only
def test_only_plain_weights_come_back(submitted, tmp_path, deep_folder):
    secret = tmp_path / "secret.npz"
    secret.write_text("another's")
    with Workplace(submitted, tier="") as place:
        weights = place.home / "weights"
        (weights / "more.npz").write_text("PK\x03\x04trained")
        (weights / "page.npz").write_text("<script>")
        (weights / "script.py").write_text("code")
        (weights / "link.npz").symlink_to(secret)
        (weights / "odd\n\x1b[2J.npz").write_text("PK\x03\x04odd")
        os.mkfifo(weights / "pipe.npz")
        deep_folder(weights, 3000)
        place.bring_back("weights", tmp_path / "back")
    assert names(tmp_path / "back") == ["more.npz", "net.npz", "odd\n\x1b[2J.npz"]
    assert not place.home.exists()


@posix_only
def test_nothing_comes_back_when_the_folder_has_become_a_link(submitted, tmp_path):
    with Workplace(submitted, tier="") as place:
        (place.home / "weights").rename(place.home / "old")
        (place.home / "weights").symlink_to(tmp_path)
        place.bring_back("weights", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_weights_without_end_do_not_come_back(submitted, tmp_path, monkeypatch):
    monkeypatch.setattr(workplace, "MOST_BROUGHT_BACK", 250)
    with Workplace(submitted, tier="") as place:
        for number in range(9):
            (place.home / "weights" / f"{number}.npz").write_bytes(b"PK\x03\x04".ljust(100, b"x"))
        place.bring_back("weights", tmp_path / "back")
    assert names(tmp_path / "back") == ["0.npz", "1.npz"]


# ------------------------------------------------------------------------------------------------ the mailbox


def test_it_says_for_which_check_evidence_is_wanted_and_when_no_more(submitted):
    with Workplace(submitted, tier="") as place:
        assert place.environment()[ENVIRONMENT] == str(place.mailbox)
        place.ask_for("dense.encoder", "7")
        asked = json.loads((place.mailbox / "questions" / ASKED_FOR).read_text())
        assert asked == {"check": "dense.encoder", "ticket": "7"}
        (place.mailbox / "answers" / "7-evidence").write_text("x")
        place.ask_no_more()
        assert names(place.mailbox) == []


@posix_only
def test_it_says_that_cells_are_left_out_and_knows_of_a_training_after_each_check(submitted):
    with Workplace(submitted, "") as place:
        assert not place.would_train
        place.leave_out()
        (place.mailbox / "answers" / TRAINS).symlink_to("nowhere")  # however a learner's code made it
        place.ask_no_more()
        assert place.would_train and (place.mailbox / "questions" / NOT_WHOLE).exists()


def test_what_a_learner_puts_into_the_mailbox_stops_and_reaches_nothing(submitted, tmp_path, deep_folder):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    with Workplace(submitted, tier="") as place:
        answers = place.mailbox / "answers"
        (answers / "link").symlink_to(kept)
        (answers / "file-link").symlink_to(kept / "file")
        os.mkfifo(answers / "pipe")
        deep_folder(answers, 3000)
        place.ask_no_more()
        place.ask_for("dense.encoder", "8")
        assert not any((answers / name).is_symlink() for name in ("link", "file-link"))
    assert (kept / "file").read_text() == "mine"
    assert not place.mailbox.exists()


@pytest.mark.skipif(not sandbox.available(), reason="no sandbox here (Debian: apt-get install bubblewrap)")
def test_sealed_it_belongs_to_the_sandboxs_user_but_for_the_questions(submitted):
    with Workplace(submitted, tier=sandbox.BUBBLEWRAP) as place:
        user = sandbox.sandbox_user()
        learners = (place.home, place.home / "helper.py", place.mailbox / "answers")
        assert [path.stat().st_uid for path in learners] == [user] * 3
        assert (place.mailbox / "questions").stat().st_uid == os.geteuid()
        assert len(str(place.sockets / "kernel-12345")) < 100  # a socket's path may have 107 characters


# ---------------------------------------------------------------------------- what is refused before all that


@posix_only
@pytest.mark.parametrize("levels", [DEEPEST + 2, 3000])
def test_a_submission_that_is_too_deep_is_one_line_and_stops_no_others(tmp_path, deep_folder, levels):
    folder = tmp_path / "ned" / "01"
    folder.mkdir(parents=True)
    (folder / "01.ipynb").write_text("{}")
    deep_folder(folder, levels)
    line = problem_with(Submission("ned", "01", folder), {"x"})
    assert "lies too deep" in line and "ask ned to hand in again" in line and "\n" not in line


# ------------------------------------------------------------------------------------------ what it writes counts

WRITE = """
import os, time
for number in range(8):
    with open(f"{folder}/{{number}}", "wb") as file:
        file.write(os.urandom(4 << 20))
time.sleep(60)"""
EMPTY_FILES = """
import os, time
for number in range(3000):
    os.close(os.open(f"{folder}/{{number}}", os.O_CREAT | os.O_WRONLY))
time.sleep(60)"""


@pytest.mark.parametrize("where", ["answers", "sockets", "/tmp", "/dev/shm"])
@pytest.mark.parametrize(
    "tier",
    [
        pytest.param(sandbox.BUBBLEWRAP, marks=needs_sandbox),
        pytest.param(sandbox.LANDLOCK, marks=needs_landlock),
    ],
)
def test_all_that_a_submission_can_write_counts(submitted, tier, where):
    in_memory = where[0] == "/"
    if in_memory and tier == sandbox.LANDLOCK:
        pytest.skip("there is none that it could write to")
    limits = sandbox.Limits(disk=10 << 20, files=2000)
    with Workplace(submitted, tier, limits=limits) as place:
        folder = where if in_memory else {"answers": place.mailbox / "answers", "sockets": place.sockets}[where]
        code = (EMPTY_FILES if in_memory else WRITE).format(folder=folder)
        with subprocess.Popen(place.command([sys.executable, "-c", code])) as process:
            place.watch_over(Supervised(process) if tier == sandbox.LANDLOCK else process)
            process.wait(30)
            place.watch.stop()
        said = "more than 2000 files" if in_memory else "MB of files, more than the limit of 10 MB"
        assert said in place.watch.exceeded and not place.watch.failure


def test_the_list_of_fonts_is_looked_for_where_matplotlib_keeps_it():
    import matplotlib

    assert workplace._fonts_place() == Path(matplotlib.get_cachedir())
