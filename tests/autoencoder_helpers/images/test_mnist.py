"""The digits: the original bytes, shared and read-only, repaired when damaged, one line when it cannot be."""

import hashlib
import lzma
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from autoencoder_helpers import CourseError, load_mnist
from autoencoder_helpers.images import cache, mnist

ORIGINAL = Path(__file__).parents[4] / "shared" / "data" / "mnist.npz"
HASH_PROGRAM = """if True:
    import hashlib, autoencoder_helpers
    (x_train, y_train), (x_test, y_test) = autoencoder_helpers.load_mnist()
    print(*(hashlib.sha256(a.tobytes()).hexdigest() for a in (x_train, y_train, x_test, y_test)))
"""


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A cache folder with the digits in it, unpacked once for all tests; tests that damage it take a copy."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOENCODER_CACHE", str(folder))
        load_mnist()
    return folder


@pytest.fixture
def shared(filled, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_CACHE", str(filled))
    return filled / "mnist"


@pytest.fixture
def damaged(filled, tmp_path, monkeypatch):
    """A copy of the cache for one test to damage; the largest file is the same one, by a hard link."""
    folder = tmp_path / "cache" / "mnist"
    folder.mkdir(parents=True)
    for name in mnist.FACTS:
        if name.startswith("x_train"):
            os.link(filled / "mnist" / f"{name}.npy", folder / f"{name}.npy")
        else:
            (folder / f"{name}.npy").write_bytes((filled / "mnist" / f"{name}.npy").read_bytes())
    monkeypatch.setenv("AUTOENCODER_CACHE", str(folder.parent))
    return folder


@pytest.fixture
def quick(filled, monkeypatch):
    """Take what is unpacked from the filled cache: real unpacking takes seconds, and other tests do it."""
    arrays = {name: np.load(filled / "mnist" / f"{name}.npy", mmap_mode="r") for name in mnist.FACTS}
    monkeypatch.setattr(mnist, "_packed_arrays", lambda: arrays)


def all_right(arrays):
    (x_train, y_train), (x_test, y_test) = arrays
    found = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return all(cache.array_sha256(found[name]) == facts.sha256 for name, facts in mnist.FACTS.items())


def test_shapes_types_and_first_labels(shared):
    (x_train, y_train), (x_test, y_test) = load_mnist()
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[9] == 9  # the course's digit number 10
    assert (x_train.min(), x_train.max()) == (0, 255)
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_flattened_images_are_the_same_memory(shared):
    (x_train, _), (x_test, _) = load_mnist()
    (flat_train, y_train), (flat_test, _) = load_mnist(flatten=True)
    assert flat_train.shape == (60000, 784) and flat_test.shape == (10000, 784) and y_train.shape == (60000,)
    np.testing.assert_array_equal(flat_test[9], x_test[9].ravel())
    assert flat_train.base is not None and not flat_train.flags.owndata
    assert load_mnist()[0][0].shape == (60000, 28, 28)  # flattening leaves nothing behind


def test_the_arrays_are_maps_that_cannot_be_written_to(shared):
    for array in (array for pair in load_mnist(flatten=True) for array in pair):
        owner = array
        while not isinstance(owner, np.memmap):
            owner = owner.base
        assert Path(owner.filename).parent == shared
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.skipif(not ORIGINAL.exists(), reason=f"the original MNIST file is not at {ORIGINAL}")
def test_nothing_was_lost_in_packing(shared):
    (x_train, y_train), (x_test, y_test) = load_mnist()
    with np.load(ORIGINAL) as original:
        np.testing.assert_array_equal(x_train, original["x_train"])
        np.testing.assert_array_equal(y_train, original["y_train"])
        np.testing.assert_array_equal(x_test, original["x_test"])
        np.testing.assert_array_equal(y_test, original["y_test"])


def test_it_is_unpacked_once(shared, monkeypatch):
    monkeypatch.setattr(mnist, "PACKED", shared / "no such file")
    assert load_mnist()[0][0].shape == (60000, 28, 28)


def test_a_changed_byte_is_found_and_repaired(damaged, quick):
    assert all_right(load_mnist())
    with open(damaged / "x_test.npy", "rb+") as file:
        file.seek(4_000_000)
        byte = file.read(1)
        file.seek(4_000_000)
        file.write(bytes([byte[0] ^ 1]))
    assert all_right(load_mnist())


def test_a_changed_byte_is_found_by_a_new_process_even_if_the_file_keeps_its_date(damaged):
    path = damaged / "y_train.npy"
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[50_000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = subprocess.run([sys.executable, "-c", HASH_PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [facts.sha256 for facts in mnist.FACTS.values()]
    assert hashlib.sha256(path.read_bytes()[-60_000:]).hexdigest() == mnist.FACTS["y_train"].sha256


@pytest.mark.parametrize("damage", ["cut short", "empty", "no array", "another array", "gone"])
def test_other_damage_is_repaired(damaged, quick, damage):
    path = damaged / "y_test.npy"
    if damage == "cut short":
        os.truncate(path, 5_000)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "no array":
        path.write_bytes(b"<html>log in first</html>" * 500)
    elif damage == "another array":
        np.save(path, np.zeros(10_000, np.float32))
    else:
        path.unlink()
    assert all_right(load_mnist())


def test_repair_leaves_the_good_files_alone(damaged, quick):
    (damaged / "y_test.npy").unlink()
    before = cache.file_stamp(damaged / "x_test.npy")
    load_mnist()
    assert cache.file_stamp(damaged / "x_test.npy") == before


def test_processes_that_unpack_at_once_do_not_harm_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path))
    command = [sys.executable, "-c", HASH_PROGRAM]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert out.split() == [facts.sha256 for facts in mnist.FACTS.values()]
    assert {path.name for path in (tmp_path / "mnist").iterdir()} == {f"{name}.npy" for name in mnist.FACTS}


def test_a_filled_cache_that_cannot_be_written_to_serves(shared, monkeypatch):
    def refuse(*_):
        raise AssertionError("reading needs no lock and writes nothing")

    monkeypatch.setattr(cache, "lock", refuse)
    monkeypatch.setattr(cache, "save_array", refuse)
    monkeypatch.setattr(mnist, "_verified", {})
    assert all_right(load_mnist())


def test_a_cache_that_cannot_be_written_to_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "file"))
    with pytest.raises(CourseError, match="set the environment variable AUTOENCODER_CACHE") as caught:
        load_mnist()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["gone", "cut short", "not xz", "other digits"])
def test_a_damaged_package_is_one_line(tmp_path, monkeypatch, damage):
    packed = tmp_path / "mnist.npz.xz"
    if damage == "cut short":
        packed.write_bytes(mnist.PACKED.read_bytes()[:1000])
    elif damage == "not xz":
        packed.write_bytes(b"version https://git-lfs")
    elif damage == "other digits":
        blank = {name: np.zeros(facts.shape, np.uint8) for name, facts in mnist.FACTS.items()}
        np.savez(tmp_path / "m.npz", **blank)
        packed.write_bytes(lzma.compress((tmp_path / "m.npz").read_bytes(), preset=0))
    monkeypatch.setattr(mnist, "PACKED", packed)
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CourseError, match="install the course again") as caught:
        load_mnist()
    assert "\n" not in str(caught.value) and str(packed) in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.npy"))
