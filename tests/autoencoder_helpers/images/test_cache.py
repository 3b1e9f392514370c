"""The cache folder: where it lies, whole files only, locks, one clear line when it cannot be written to."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_environment_variable_names_the_folder(own_cache, monkeypatch):
    assert cache.cache_dir() == own_cache
    monkeypatch.setenv("AUTOENCODER_CACHE", "~/somewhere")
    assert cache.cache_dir() == Path.home() / "somewhere"


def test_without_the_variable_it_is_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("AUTOENCODER_CACHE")
    unset = cache.cache_dir()
    assert unset.is_absolute() and unset.name == "autoencoder-course"
    monkeypatch.setenv("AUTOENCODER_CACHE", " ")
    assert cache.cache_dir() == unset


def test_an_array_comes_back_as_a_read_only_map(own_cache):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    cache.save_array(own_cache / "a.npy", array.transpose(2, 1, 0))
    back = cache.map_array(own_cache / "a.npy")
    assert type(back) is np.ndarray and isinstance(back.base, np.memmap)
    np.testing.assert_array_equal(back, array.transpose(2, 1, 0))
    assert back.flags.c_contiguous and not back.flags.writeable
    with pytest.raises(ValueError):
        back[0, 0, 0] = 1


def test_a_failed_write_leaves_the_old_file_and_no_litter(own_cache):
    path = own_cache / "a.txt"
    with cache.write_whole(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError, match="broke off"), cache.write_whole(path) as temporary:
        temporary.write_text("new, but only ha")
        raise RuntimeError("broke off")
    assert path.read_text() == "old"
    assert [entry.name for entry in own_cache.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="on Windows nothing is mapped")
def test_who_has_mapped_a_file_keeps_it_when_it_is_replaced(own_cache):
    old = np.full((512, 512), 1, np.uint8)
    cache.save_array(own_cache / "a.npy", old)
    mapped = cache.map_array(own_cache / "a.npy")
    cache.save_array(own_cache / "a.npy", old + 1)
    np.testing.assert_array_equal(mapped, old)
    np.testing.assert_array_equal(cache.map_array(own_cache / "a.npy"), old + 1)


def test_where_files_cannot_be_mapped_and_replaced_they_are_read(own_cache, monkeypatch):
    monkeypatch.setattr(cache, "_MAPS", False)
    cache.save_array(own_cache / "a.npy", np.arange(6).reshape(2, 3))
    back = cache.map_array(own_cache / "a.npy")
    assert not isinstance(back.base, np.memmap) and not back.flags.writeable
    np.testing.assert_array_equal(back, np.arange(6).reshape(2, 3))
    (own_cache / "a.npy").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        cache.map_array(own_cache / "a.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all"])
def test_what_is_no_array_is_a_value_error(own_cache, content):
    own_cache.mkdir()
    (own_cache / "a.npy").write_bytes(content)
    with pytest.raises(ValueError):
        cache.map_array(own_cache / "a.npy")


def test_a_file_cut_short_is_a_value_error(own_cache):
    cache.save_array(own_cache / "a.npy", np.zeros(10_000, np.uint8))
    os.truncate(own_cache / "a.npy", 9_000)
    with pytest.raises(ValueError):
        cache.map_array(own_cache / "a.npy")


def test_the_hash_is_of_the_elements_in_c_order():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    fortran = np.asfortranarray(array)
    assert cache.array_sha256(fortran) == cache.array_sha256(array)
    assert cache.array_sha256(array) == "17e88db187afd62c16e5debf3e6527cd006bc012bc90b51a810cd80c2d511f43"
    assert cache.array_sha256(array.T) != cache.array_sha256(array)


def test_one_holder_of_a_lock_at_a_time(own_cache):
    inside, most = 0, 0
    guard = threading.Lock()

    def work():
        nonlocal inside, most
        with cache.lock("job"):
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_held_too_long_is_one_line(monkeypatch):
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.05)
    with cache.lock("job"):
        with pytest.raises(CourseError, match="close the other notebooks") as caught, cache.lock("job"):
            pass
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "file" / "cache"))
    for attempt in (
        lambda: cache.save_array(cache.cache_dir() / "a.npy", np.zeros(3)),
        lambda: cache.lock("job").__enter__(),
    ):
        with pytest.raises(CourseError, match="set the environment variable AUTOENCODER_CACHE") as caught:
            attempt()
        assert "\n" not in str(caught.value) and str(tmp_path / "file") in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here, the disk that is always full")
def test_a_full_disk_is_named():
    with pytest.raises(CourseError, match="the disk is full.*AUTOENCODER_CACHE"):
        with cache.explain_write_errors(Path("/dev/full")), open("/dev/full", "wb", buffering=0) as disk:
            disk.write(b"x")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on file sizes")
def test_a_write_that_fails_half_way_leaves_nothing(own_cache):
    # The limit makes the operating system refuse the rest of the file, as a full disk or a quota does.
    program = """if True:
        import resource, signal, numpy as np
        from autoencoder_helpers import cache, CourseError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            cache.save_array(cache.cache_dir() / "a.npy", np.zeros(1_000_000))
        except CourseError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "AUTOENCODER_CACHE" in done.stdout and len(done.stdout.splitlines()) == 1
    assert list(own_cache.iterdir()) == []


def test_a_course_error_is_one_line_wherever_its_text_came_from():
    error = CourseError("first\n   second\n")
    assert str(error) == "first second"
    assert error._render_traceback_() == ["CourseError: first second"]
