"""Whatever a learner's code sends through the kernel's sockets, the client goes on."""

import asyncio
from queue import Empty

import pytest
import zmq
import zmq.asyncio
from autoencoder_grader.kernels.client import PatientChannel
from jupyter_client.session import Session


@pytest.fixture
def received():
    """A function: frames that the kernel sends -> the message that arrives."""
    context = zmq.asyncio.Context()
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    ours.bind("inproc://test")
    theirs.connect("inproc://test")
    session = Session(key=b"key")
    channel = PatientChannel(ours, session)

    def receive(frames, timeout=5):
        async def both():
            await theirs.send_multipart(frames)
            return await channel.get_msg(timeout)

        return asyncio.run(both())

    receive.session = session
    yield receive
    context.destroy(linger=0)


def signed(session, header, parent=b"{}", metadata=b"{}", content=b"{}"):
    parts = [header, parent, metadata, content]
    return [b"<IDS|MSG>", session.sign(parts), *parts]


@pytest.mark.parametrize(
    "frames",
    [
        [b"noise"],
        [b"<IDS|MSG>"],
        [b"<IDS|MSG>", b"0" * 64, b"{}", b"{}", b"{}", b"{}"],
        [b"<IDS|MSG>", b"", b"{", b"", b"", b""],
    ],
)
def test_noise_belongs_to_nothing(received, frames):
    assert received(frames)["parent_header"] == {}


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("wrong", [b"[]", b"7", b"null", b"{", b"\xff"])
def test_a_message_with_a_wrong_part_belongs_to_nothing(received, part, wrong):
    parts = [b'{"msg_id": "1", "msg_type": "stream"}', b'{"msg_id": "2"}', b"{}", b"{}"]
    parts[part] = wrong
    assert received(signed(received.session, *parts))["parent_header"] == {}


def test_a_message_arrives_as_it_was_sent(received):
    session = received.session
    asked = session.msg("execute_request")
    sent = session.msg("stream", {"name": "stdout", "text": "x"}, parent=asked)
    message = received(session.serialize(sent))
    assert message["parent_header"]["msg_id"] == asked["msg_id"] and message["content"]["text"] == "x"


@pytest.mark.parametrize("content", [b"{}", b'{"status": "error"}', b'{"status": 3, "ename": [], "traceback": "x"}'])
def test_a_reply_is_one_that_nbclient_can_read(received, content):
    header = b'{"msg_id": "1", "msg_type": "execute_reply"}'
    reply = received(signed(received.session, header, content=content))["content"]
    wanted = {"status": "error", "ename": "?", "evalue": "?", "traceback": []}
    assert {name: reply[name] for name in wanted} == wanted


def test_no_flood_of_messages_makes_time_stand_still(received):
    with pytest.raises(Empty):
        received([b"noise"], timeout=0)
