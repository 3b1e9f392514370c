"""Messages: what is packed comes out again, and nothing else is read."""

import io
import json
import os
import random
import socket
import struct
import threading
import time
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from autoencoder_helpers.evidence import messages
from autoencoder_helpers.evidence.messages import DTYPES, BadMessage, Mailbox, pack, part_of, read_file, unpack

SHAPES = [(), (1,), (0,), (5,), (2, 3), (0, 3), (3, 0, 2), (2, 3, 4, 5)]


def zipped(members, compression=zipfile.ZIP_STORED):
    """An archive with these members, (name, content) pairs, whatever they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are there twice
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def with_array(header, body=b"", magic=b"\x93NUMPY\x01\x00"):
    """A message with one array whose header is written by hand."""
    header = header.encode()
    return zipped([("message.json", "{}"), ("0.npy", magic + struct.pack("<H", len(header)) + header + body)])


def header(descr="'<f8'", shape="(1,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


@pytest.mark.parametrize("dtype", sorted(DTYPES))
@pytest.mark.parametrize("shape", SHAPES)
def test_an_array_comes_out_as_it_went_in(dtype, shape):
    rng = np.random.default_rng(1)
    array = rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    _, (found,) = unpack(pack(None, [array]))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


def test_memory_order_and_strides_change_no_number():
    array = np.arange(24.0).reshape(2, 3, 4)
    given = [np.asfortranarray(array), array[:, ::-1, ::2], np.broadcast_to(array[:1], (2, 3, 4)), array.T]
    for before, after in zip(given, unpack(pack([], given))[1], strict=True):
        np.testing.assert_array_equal(before, after)


def test_numbers_that_are_none_come_out_too():
    found = unpack(pack(0, [np.array([np.nan, np.inf, -np.inf, -0.0])]))[1][0]
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf, -0.0])
    assert np.signbit(found[3])


@pytest.mark.parametrize("tree", [None, 3, -1.5, "ü\u2028\x00", [], {}, {"a": [1, {"b": None}]}, True])
def test_a_tree_comes_out_as_it_went_in(tree):
    assert unpack(pack(tree)) == (tree, [])


def test_an_array_that_is_read_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        unpack(pack(0, [np.zeros(3)]))[1][0][0] = 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04", "cannot be read"),
        (b"hello" * 100, "cannot be read"),
        (zipped([("message.json", "{}")], zipfile.ZIP_DEFLATED), "compressed"),
        (zipped([("message.json", "[" + "0," * 10**6 + "0]")], zipfile.ZIP_BZIP2), "compressed"),
        (zipped([]), "not those of a message"),
        (zipped([("message.json", "{}"), ("1.npy", b"")]), "not those of a message"),
        (zipped([("message.json", "{}"), ("../0.npy", b"")]), "not those of a message"),
        (zipped([("/etc/passwd", "{}")]), "not those of a message"),
        (zipped([("message.json", "{"), ("message.json", "{}")]), "not those of a message"),
        (zipped([("0.npy", b""), ("message.json", "{}")]), "not those of a message"),
        (zipped([("message.json", "{}"), ("0.npy", b"")]), "header"),
        (zipped([("message.json", "{}"), ("0.npy", b"\x93NUMPY")]), "header"),
        (zipped([("message.json", "{}"), *((f"{i}.npy", b"") for i in range(4001))]), "4,002 parts"),
        (zipped([("message.json", '"' + "x" * (5 << 20) + '"')]), "larger than 4 MB"),
        (zipped([("message.json", "[" * 10**6)]), "nested too deeply"),
        (zipped([("message.json", '{"a":' * 10**5)]), "nested too deeply"),
        (zipped([("message.json", "1" * 10**5)]), "cannot be read"),
        (zipped([("message.json", b"\xff\xfe")]), "cannot be read"),
        (zipped([("message.json", "{'a': 1}")]), "cannot be read"),
    ],
)
def test_what_is_no_message_is_refused_in_one_line(data, words):
    with pytest.raises(BadMessage, match=words) as error:
        unpack(data)
    assert "\n" not in str(error.value)


def test_a_directory_of_very_many_parts_is_not_even_read(monkeypatch):
    data = zipped([("message.json", "{}"), *((f"{i}.npy", b"") for i in range(9000))])
    monkeypatch.setattr(messages.zipfile, "ZipFile", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BadMessage, match="too many parts"):
        unpack(data)


def test_an_array_with_a_header_written_by_hand_is_read():
    """So that the refusals below are for what they say, not for how the tests write a header."""
    assert unpack(with_array(header(), struct.pack("<d", 1.5)))[1][0].tolist() == [1.5]
    truths = with_array(header("'|b1'", "(2, 1)", "True"), b"\x00\x01")
    assert unpack(truths)[1][0].tolist() == [[False], [True]]


@pytest.mark.parametrize(
    "data",
    [
        with_array(header("'|O'"), b"x" * 8),
        with_array(header("'<U1'"), b"x" * 4),
        with_array(header("'|S8'"), b"x" * 8),
        with_array(header("'|V8'"), b"x" * 8),
        with_array(header("'<M8[s]'"), b"x" * 8),
        with_array(header("'<c8'"), b"x" * 8),
        with_array(header("'>f8'"), b"x" * 8),
        with_array(header("[('a', '<f8')]"), b"x" * 8),
        with_array(header("('<f8', (2,))"), b"x" * 16),
        with_array(header(), b"x" * 8, magic=b"\x93NUMPY\x02\x00"),
        with_array(header("'<f8'", "__import__('os')"), b"x" * 8),
        with_array("(" * 5000, b""),
        with_array("{[]: 1}", b""),
        with_array("'''", b""),
    ],
)
def test_only_plain_numbers_are_read(data):
    with pytest.raises(BadMessage):
        unpack(data)


def test_a_pickled_array_is_refused():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadMessage):
        unpack(zipped([("message.json", "{}"), ("0.npy", buffer.getvalue())]))


@pytest.mark.parametrize(
    ("shape", "bytes_sent"),
    [
        ("(2,)", 8),
        ("(1,)", 16),
        ("(1,)", 7),
        ("()", 0),
        ("(-1,)", 8),
        ("(-1, -1)", 8),
        ("(True,)", 8),
        ("(1.0,)", 8),
        (f"({2**32}, {2**32})", 0),  # the product is 0 modulo 2**64
        (f"({2**61 + 1},)", 8),  # times 8 bytes it is 8 modulo 2**64
        (f"(0, {2**40})", 0),
        ("(0, 999999999)", 0),
        (f"({', '.join(['1'] * 40)})", 8),
    ],
)
def test_a_shape_that_lies_is_refused(shape, bytes_sent):
    with pytest.raises(BadMessage):
        unpack(with_array(header(shape=shape), b"x" * bytes_sent))


def test_truth_values_are_0_or_1():
    with pytest.raises(BadMessage, match="truth"):
        unpack(with_array(header("'|b1'", "(3,)"), b"\x00\x07\x01"))


def test_a_part_that_claims_to_be_larger_than_the_whole_is_refused():
    data = bytearray(zipped([("message.json", "{}")]))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<II", data, entry + 20, 2**31, 2**31)
    with pytest.raises(BadMessage, match="larger than the whole"):
        unpack(bytes(data))


def test_parts_that_share_their_bytes_are_refused():
    """Many entries for the same bytes would be read as many arrays: a bomb without compression."""
    data = zipped([("message.json", "{}"), ("0.npy", b"x" * 10_000)])
    start, end = data.rindex(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry, tail = data[start:end], bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 101, 101, end - data.index(b"PK\x01\x02") + 99 * len(entry))
    bomb = data[:end] + entry * 99 + bytes(tail)
    assert len(zipfile.ZipFile(io.BytesIO(bomb)).infolist()) == 101
    with pytest.raises(BadMessage, match="larger than the whole"):
        unpack(bomb)


def test_every_shortened_message_is_refused():
    data = pack({"a": 1}, [np.arange(3)])
    for length in range(len(data)):
        with pytest.raises(BadMessage):
            unpack(data[:length])


def test_a_damaged_message_is_a_bad_message_or_a_value_and_nothing_else():
    arrays = [np.arange(6.0).reshape(2, 3), np.array(True), np.zeros((0, 3), "int8")]
    good = pack({"a": [1, "b", {"c": None}]}, arrays)
    rng = random.Random(7)
    refused = 0
    for _ in range(5000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            kind, place = rng.random(), rng.randrange(len(data))
            if kind < 0.6:
                data[place] ^= 1 << rng.randrange(8)
            elif kind < 0.8:
                data[place] = rng.choice([0, 127, 128, 255])
            elif kind < 0.9:
                data[place:place] = rng.randbytes(3)
            else:
                del data[place : place + rng.randint(1, 8)]
        try:
            tree, arrays = unpack(bytes(data))
        except BadMessage:
            refused += 1
        else:
            json.dumps(tree)
            assert all(array.dtype.name in DTYPES for array in arrays)
    assert refused > 4000


@pytest.mark.parametrize(
    "span", [None, [], [0], [0, 3], [2, 1], [-1, 1], [0, -1], [True, 1], [0.0, 1], "01", [0, 10**30]]
)
def test_arrays_that_are_not_there_cannot_be_named(span):
    with pytest.raises(BadMessage):
        part_of([np.zeros(1)] * 2, span)


def test_a_span_names_its_arrays():
    arrays = [np.zeros(1), np.ones(2), np.ones(3)]
    assert [len(array) for array in part_of(arrays, [1, 2])] == [2, 3]
    assert part_of(arrays, [3, 0]) == []


# ------------------------------------------------------------------------------------------------------ files


def _make(kind, path):
    if kind == "link":
        (path.parent / "secret").write_bytes(pack({"secret": 1}))
        path.symlink_to(path.parent / "secret")
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "endless link":
        path.symlink_to(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.close()
    elif kind == "too large":
        with path.open("wb") as file:
            file.truncate(messages.MOST_BYTES + 1)
    elif kind == "no message":
        path.write_bytes(b"no message")


def expect_no_waiting(seconds):
    raise AssertionError("it waits")


NO_WAITING = SimpleNamespace(monotonic=time.monotonic, sleep=expect_no_waiting)


@pytest.mark.skipif(os.name != "posix", reason="needs links and FIFOs")
@pytest.mark.parametrize(
    "kind",
    [
        "link", "dangling link", "endless link", "link to a device", "FIFO", "folder", "socket", "too large",
        "no message",
    ],
)  # fmt: skip
@pytest.mark.timeout(60)  # a FIFO that nobody writes to must not be waited for
def test_only_a_plain_file_of_an_honest_size_is_a_message(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    _make(kind, tmp_path / "m" if kind != "socket" else Path("m"))
    box = Mailbox(tmp_path, tmp_path)
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    monkeypatch.setattr(messages, "time", NO_WAITING)
    with pytest.raises(BadMessage) as error:
        box.receive("m", 30.0)
    assert "\n" not in str(error.value)
    assert not files or len(os.listdir("/proc/self/fd")) == files  # nothing stays open
    assert box.has("m")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
def test_a_device_is_no_file():
    with pytest.raises(BadMessage):
        read_file(Path("/dev/zero"), 100)


def test_a_file_may_be_as_large_as_it_may_and_no_larger(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_file(path, 100) == b"x" * 100
    with pytest.raises(BadMessage):
        read_file(path, 99)


def test_a_file_that_is_not_there_is_none(tmp_path):
    assert read_file(tmp_path / "nothing") is None


# -------------------------------------------------------------------------------------------------- mailboxes


@pytest.fixture
def boxes(tmp_path):
    """Two ends of one mailbox."""
    for name in "ab":
        (tmp_path / name).mkdir()
    return Mailbox(tmp_path / "a", tmp_path / "b"), Mailbox(tmp_path / "b", tmp_path / "a")


def test_what_one_side_sends_the_other_receives(boxes):
    one, other = boxes
    one.send("1", {"a": 1}, [np.arange(3)])
    tree, (array,) = other.receive("1", 0.0)
    assert tree == {"a": 1} and array.tolist() == [0, 1, 2]
    assert other.names() == ["1"] and other.has("1") and not one.has("1")


def test_a_message_that_comes_later_is_waited_for(boxes):
    one, other = boxes
    timer = threading.Timer(0.1, one.send, ("1", "late"))
    timer.start()
    assert other.receive("1", 20.0) == ("late", [])
    timer.join()


@pytest.mark.parametrize("after", [0.003, 0.017, 0.09, 0.6])
def test_a_message_is_found_little_later_than_it_has_come(boxes, monkeypatch, after):
    """By a clock that only sleeping moves. Pauses that double find what comes after 17 ms at 31, on both sides of a check."""
    now = [0.0]

    def sleep(seconds):
        before, now[0] = now[0], now[0] + seconds
        if before < after <= now[0]:
            boxes[0].send("1", "here")

    monkeypatch.setattr(messages.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(messages.time, "sleep", sleep)
    assert boxes[1].receive("1", 20.0) == ("here", [])
    assert now[0] <= after + max(0.0005, min(after / 10, 0.02)) + 1e-9


def test_a_message_that_does_not_come_is_none(boxes, monkeypatch):
    assert boxes[0].receive("1", 0.02) is None
    monkeypatch.setattr(messages, "time", NO_WAITING)
    assert boxes[0].receive("1", 60.0, cancelled=lambda: True) is None


def test_half_a_message_is_never_seen(boxes, monkeypatch):
    one, other = boxes
    seen = []
    replace = os.replace

    def look_first(*names):
        seen.append((other.names(), other.has("1")))
        replace(*names)

    monkeypatch.setattr(os, "replace", look_first)
    one.send("1", "whole")
    assert seen == [([], False)]
    assert other.receive("1", 0.0) == ("whole", [])
