"""A client of a learner's kernel that lets nothing the kernel sends stop the grading.

The learner's code has the kernel's sockets and its key. What is no message of Jupyter's arrives here as one that
belongs to nothing, and is passed over by whoever waits for another.
"""

from __future__ import annotations

import time
from queue import Empty

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

_MOST_BYTES = 64 << 20  # of one frame; a socket that gets a larger one breaks the connection
_SUBSCRIBED = 0.3  # seconds until the kernel knows that somebody listens again
_PARTS = ("header", "parent_header", "metadata", "content")


class PatientChannel(AsyncZMQSocketChannel):
    """Receives messages; whatever is none becomes one that answers nothing."""

    async def _recv(self, **kwargs):
        frames = await self.socket.recv_multipart(**kwargs)
        try:
            _, frames = self.session.feed_identities(frames)
            message = self.session.deserialize(frames)
        except Exception:  # noqa: BLE001 - frames of a stranger: anything can be wrong with them
            return _nothing()
        if not all(isinstance(message.get(part), dict) for part in _PARTS) or not isinstance(message["msg_type"], str):
            return _nothing()
        if message["msg_type"] == "execute_reply":
            message["content"] = _reply(message["content"])
        return message

    async def get_msg(self, timeout=None):
        """The next message. Raises Empty when time is up, also if other messages keep coming."""
        if timeout is not None and timeout <= 0:
            raise Empty
        return await super().get_msg(timeout)


class PatientClient(AsyncKernelClient):
    """A client with such channels."""

    shell_channel_class = Type(PatientChannel)
    iopub_channel_class = Type(PatientChannel)
    control_channel_class = Type(PatientChannel)
    stdin_channel_class = Type(PatientChannel)

    def _create_connected_socket(self, channel, identity=None):
        self.context.maxmsgsize = _MOST_BYTES  # what the sockets that it makes begin with
        return super()._create_connected_socket(channel, identity)

    def renew_iopub(self):
        """Connect to the kernel's outputs anew: a socket stays closed after a frame that was too large."""
        self.iopub_channel.close()
        self._iopub_channel = None
        self.iopub_channel.start()
        time.sleep(_SUBSCRIBED)


def _nothing() -> dict:
    empty = {part: {} for part in _PARTS}
    return {**empty, "msg_id": "", "msg_type": "unreadable", "buffers": []}


def _reply(content: dict) -> dict:
    """A reply as nbclient expects it."""
    if content.get("status") in ("ok", "aborted"):
        return content
    texts = {name: content[name] if isinstance(content.get(name), str) else "?" for name in ("ename", "evalue")}
    lines = content.get("traceback")
    lines = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
    return {**content, "status": "error", **texts, "traceback": lines}
