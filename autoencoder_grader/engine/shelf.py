"""Where our own workers, on the same machine, fetch the files of an order and leave those of its result."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from autoencoder_grader.engine.orders import Graded, Order


@dataclass(frozen=True)
class Shelf:
    """A place on this machine for the files of an order and of its result: our own workers fetch and leave them there.

    Encrypting, copying and decrypting them on their way through Dask would be most of what the engine costs. What
    cannot be put there travels all the same. folder: for one order, in a folder that is ours alone.
    """

    folder: Path

    def put_order(self, order: Order) -> Order:
        """The order as it is to be sent."""
        return replace(order, files=b"") if self._put(files=order.files) else order

    def whole_order(self, order: Order) -> Order:
        """The order as it was, on a worker."""
        return order if order.files else replace(order, **self._get("files"))

    def put_result(self, graded: Graded) -> Graded:
        """The result as it is to be sent."""
        kept = {"autograded": graded.autograded, "feedback": graded.feedback}
        return replace(graded, **dict.fromkeys(kept, b"")) if self._put(**kept) else graded

    def whole_result(self, graded: Graded) -> Graded:
        """The result as it was."""
        return graded if graded.autograded else replace(graded, **self._get("autograded", "feedback"))

    def clear(self) -> None:
        """Throw away what is there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _put(self, **parts: bytes) -> bool:
        try:
            self.folder.mkdir(exist_ok=True)
            for name, data in parts.items():
                (self.folder / name).write_bytes(data)
        except OSError:  # the disk is full
            return False
        return True

    def _get(self, *names: str) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in names}
