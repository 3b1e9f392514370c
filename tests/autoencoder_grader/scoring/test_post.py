"""What carries messages between mailboxes and the process that scores, told by one that was taken over, too."""

import io
import json
import os
import queue
import threading

import numpy as np
import pytest
from autoencoder_grader.scoring import post
from autoencoder_grader.scoring.post import Letterbox, Postman, hear, say
from autoencoder_helpers.evidence.messages import BadMessage, pack, unpack


@pytest.fixture
def mailbox(tmp_path):
    for name in ("questions", "answers"):
        (tmp_path / "mailbox" / name).mkdir(parents=True)
    return tmp_path / "mailbox"


@pytest.fixture
def ends(mailbox):
    """(the postman, what it hears and does not do itself, the other side's files to read and to write)."""
    (orders, our_orders), (our_answers, answers) = os.pipe(), os.pipe()
    heard = queue.Queue()
    reads, writes = open(orders, "rb"), open(answers, "wb")
    postman = Postman(open(our_orders, "wb"), open(our_answers, "rb"), heard.put)
    postman.serve(mailbox, "7")
    yield postman, heard, reads, writes
    writes.close()
    postman.close()
    reads.close()  # last: who reads it meets its end first


@pytest.fixture
def box(ends):
    """What scores has in the place of a mailbox."""
    _, _, reads, writes = ends
    replies = queue.SimpleQueue()

    def listen():
        while (found := hear(reads)) is not None:
            replies.put(found)

    threading.Thread(target=listen, daemon=True).start()
    return Letterbox(lambda message, data: say(writes, message, data), replies)


def test_messages_go_both_ways(box, mailbox):
    box.send("7-0000", {"ask": 1}, [np.arange(3)])
    (mailbox / "answers" / "7-0000").write_bytes(pack("answer", [np.ones(2)]))
    tree, arrays = box.receive("7-0000", 20.0)
    assert tree == "answer" and arrays[0].tolist() == [1, 1]
    asked, arrays = unpack((mailbox / "questions" / "7-0000").read_bytes())
    assert asked == {"ask": 1} and arrays[0].tolist() == [0, 1, 2]


def test_what_comes_at_the_last_moment_counts_and_nothing_after_it(box, ends, mailbox):
    postman, *_ = ends
    (mailbox / "answers" / "7-evidence").write_bytes(pack([]))
    postman.wait_no_more()
    assert box.wait("7-evidence") and box.receive("7-evidence", 0.0) == ([], [])
    assert not box.wait("7-0001") and box.receive("7-0001", 60.0) is None
    postman.serve(mailbox, "8")
    assert box.receive("8-0000", 0.01) is None  # time is up


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_among_the_answers_is_not_followed(box, mailbox):
    (mailbox / "answers" / "7-evidence").symlink_to("/etc/hostname")
    assert box.wait("7-evidence")
    with pytest.raises(BadMessage, match="no plain file"):
        box.receive("7-evidence", 0.0)


@pytest.mark.parametrize(
    "name",
    ["asked-for", "../answers/7-0000", "/tmp/7-0000", "8-0000", "7-0000/..", "7-evidence.partial", "7-0000\n", 7],
)
def test_other_names_are_neither_read_nor_written(box, ends, mailbox, name):
    *_, writes = ends
    (mailbox / "answers" / "asked-for").write_bytes(pack([]))
    say(writes, {"put": name}, b"written")
    assert box.receive(name, 60.0) is None
    assert not os.listdir(mailbox / "questions") and os.listdir(mailbox / "answers") == ["asked-for"]


@pytest.mark.parametrize(
    "said", [b"\n", b"[]\n", b"{}\n", b'{"bytes": -1}\n', b'{"bytes": 1e3}\n', b"[" * 100_000 + b"\n", b"\xff\n", b"{"]
)
def test_what_is_no_message_ends_the_talk(ends, said):
    _, heard, _, writes = ends
    writes.write(said)
    writes.close()
    assert heard.get(timeout=20) is None


def test_an_endless_line_is_not_kept(monkeypatch):
    monkeypatch.setattr(post, "_MOST_LINE", 1 << 12)
    file = io.BytesIO(b"x" * (1 << 13) + b"\n")
    assert hear(file) is None and file.tell() == 1 << 12


def test_who_asks_and_does_not_read_keeps_nobody_waiting_and_fills_no_memory(ends, mailbox):
    postman, _, reads, writes = ends
    (mailbox / "answers" / "7-evidence").write_bytes(bytes(4 << 20))
    os.set_blocking(writes.fileno(), False)
    request = json.dumps({"fetch": "7-evidence", "seconds": 0, "bytes": 0}).encode() + b"\n"
    asked = 0
    for _ in range(100_000):  # until the pipe is full: it is not emptied either
        try:
            asked += os.write(writes.fileno(), request) > 0
        except BlockingIOError:
            break
    for _ in range(3):
        postman.tell({"stop": True})
    assert asked > 100 and postman._outbox.qsize() <= 4
    reads.close()
    writes.close()
    postman.close()


def test_questions_of_a_submission_that_is_gone_are_dropped(box, ends, mailbox):
    (mailbox / "questions").rmdir()
    box.send("7-0000", {"ask": "no more"})
    assert box.receive("7-0000", 0.0) is None  # it goes on
