"""Several people grade one course: what one of them makes, the others of the course's group may use, and nobody else."""

import multiprocessing
import os
import stat
import traceback
from pathlib import Path

import pytest
from autoencoder_grader.engine import tiers_seen
from autoencoder_grader.engine.records import RECORDS, locked
from autoencoder_grader.files.temporary import folder
from autoencoder_grader.nbgrader_steps.nbgrader_api import write_log
from autoencoder_grader.scoring.private_data import secret_seed
from autoencoder_helpers.errors import CourseError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="groups of POSIX")
ADA, BEN, EVE, GRADERS = 61_001, 61_002, 61_003, 61_000


def work(course):
    """What a grading writes into the records; returns the secret."""
    with locked(course):
        secret = secret_seed(course)
        write_log(course / RECORDS / "nbgrader.log", "a step", {"log": "done"})
        tiers_seen.change(course / RECORDS, {f"{os.geteuid()}", "landlock"})
        for step in ("autograded", "feedback"):
            folder = course / step / "student" / "chapter"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "page").unlink(missing_ok=True)
            (folder / "page").write_text("graded")
    return secret


def modes(course):
    return {
        path.relative_to(course).as_posix(): stat.S_IMODE(path.stat().st_mode) & 0o777
        for path in [course / RECORDS, *sorted(course.glob(f"{RECORDS}/*"))]
    }


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_records_of_a_course_that_its_group_may_write_to_belong_to_the_group(tmp_path, umask):
    tmp_path.chmod(0o775)
    work(tmp_path)
    found = modes(tmp_path)
    assert found.pop(f"{RECORDS}/secret") == 0o660
    assert found and all(mode & 0o060 == 0o060 for mode in found.values()), found
    assert all(path.stat().st_mode & 0o020 for path in tmp_path.glob("autograded/**/*"))
    assert os.umask(0o022) == 0o022


def test_records_of_a_course_that_its_group_may_only_read_are_its_owners(tmp_path, umask):
    tmp_path.chmod(0o755)
    work(tmp_path)
    found = modes(tmp_path)
    assert found.pop(f"{RECORDS}/secret") == 0o600
    assert not any(mode & 0o022 for name, mode in found.items() if not name.endswith("lock")), found


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="root only can become other users")
def test_a_second_grader_goes_on_where_the_first_one_was_and_a_stranger_learns_nothing(tmp_path, umask):
    for parent in (tmp_path, *tmp_path.parents):
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    course = tmp_path / "course"
    course.mkdir()
    os.chown(course, ADA, GRADERS)
    course.chmod(0o775)
    secrets = [as_user(user, GRADERS, work, course) for user in (ADA, BEN, ADA)]
    assert secrets[0].isdigit() and len(set(secrets)) == 1, secrets
    refused = as_user(EVE, EVE, secret_seed, course)
    assert "cannot be read" in refused and "Permission denied" in refused, refused
    assert (course / RECORDS / "secret").stat().st_gid == GRADERS


def as_user(user, group, function, *arguments):
    """What a function returns, or says when it fails, in a new process that becomes another user.

    It does all once as root before, for what is only then imported: that user may not read this Python.
    """
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe()
    with folder() as before:
        process = spawned.Process(target=become_and_tell, args=(theirs, before, user, group, function, arguments))
        process.start()
        theirs.close()
        said = ours.recv()
        process.join()
    return said


def become_and_tell(told, before, user, group, function, arguments):
    try:
        work(Path(before))
        os.setgroups([GRADERS] if group == GRADERS else [])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        told.send(str(function(*arguments)))
    except CourseError as error:
        told.send(str(error))
    except BaseException:  # noqa: BLE001 - told to the test
        told.send(traceback.format_exc())
