"""Whether a Dask scheduler is still there."""

from __future__ import annotations

import asyncio
import time

_SECONDS_BETWEEN_QUESTIONS = 3.0


class Pulse:
    """Asks the scheduler every few seconds how it is, beside all else that goes on.

    Dask's client tries again for a while when a connection breaks. But of a scheduler that says goodbye it takes no
    notice at all, and what was sent there never ends.

    client: Dask's, connected. patience: seconds without an answer after which the scheduler is given up.
    Raises whatever Dask raises when it does not even answer once.
    """

    def __init__(self, client, patience: float):
        self._client, self._patience = client, patience
        answer = client.sync(self._ask, callback_timeout=patience)
        self._id, self.addresses = answer["id"], tuple(answer["workers"])  # of its workers, when it last answered
        self._answered = time.monotonic()
        self._asking = asyncio.run_coroutine_threadsafe(self._keep_asking(), client.loop.asyncio_loop)

    @property
    def gone(self) -> bool:
        """Whether it has not answered for too long, or another has taken its place."""
        return self._id is None or time.monotonic() - self._answered > self._patience + _SECONDS_BETWEEN_QUESTIONS

    def stop(self) -> None:
        """Ask no more."""
        self._asking.cancel()

    async def _ask(self) -> dict:
        return await self._client.scheduler.identity(n_workers=-1)

    async def _keep_asking(self) -> None:
        while self._id is not None:
            await asyncio.sleep(_SECONDS_BETWEEN_QUESTIONS)
            try:
                answer = await self._ask()
            except Exception:  # noqa: BLE001 - no answer is one, too, whatever Dask says to it
                continue
            self._answered, self.addresses = time.monotonic(), tuple(answer["workers"])
            if answer["id"] != self._id:
                self._id = None
