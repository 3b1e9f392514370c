"""Whether a Dask scheduler is still there."""

from __future__ import annotations

import asyncio
import time

_SECONDS_BETWEEN_QUESTIONS = 3.0


class Pulse:
    """Asks the scheduler every few seconds how it is, without waiting for the answer.

    Dask's client tries again for a while when a connection breaks. But of a scheduler that says goodbye it takes no
    notice at all, and what was sent there never ends.

    client: Dask's, connected. patience: seconds without an answer after which the scheduler is given up.
    Raises whatever Dask raises when it does not even answer once.
    """

    def __init__(self, client, patience: float):
        self._client, self._patience = client, patience
        answer = client.sync(self._ask, callback_timeout=patience)
        self._id, self._count = answer["id"], len(answer["workers"])
        self._answered = self._asked = time.monotonic()
        self._question = None

    def stop(self) -> None:
        """Ask no more."""
        if self._question is not None:
            self._question.cancel()

    async def _ask(self) -> dict:
        return await self._client.scheduler.identity(n_workers=-1)

    @property
    def workers(self) -> int:
        """How many there were when the scheduler last answered."""
        self._look()
        return self._count

    @property
    def gone(self) -> bool:
        """Whether it has not answered for too long, or another has taken its place."""
        self._look()
        return self._id is None or self._asked - self._answered > self._patience

    def _look(self) -> None:
        if self._question is not None and self._question.done():
            question, self._question = self._question, None
            if not question.cancelled() and question.exception() is None:
                answer = question.result()
                self._answered, self._count = time.monotonic(), len(answer["workers"])
                if answer["id"] != self._id:
                    self._id = None
        now = time.monotonic()
        if self._question is None and now - self._asked >= _SECONDS_BETWEEN_QUESTIONS:
            self._asked = now
            if self._client.status in ("running", "connecting"):
                self._question = asyncio.run_coroutine_threadsafe(self._ask(), self._client.loop.asyncio_loop)
        elif self._question is not None:
            self._asked = now
