"""Keeps Dask's own words off the terminal: what it would say in fifty lines, the command says in one."""

from __future__ import annotations

import logging

_NAMES = ("distributed", "tornado")
NEVER = logging.CRITICAL + 1  # a level that no message has


def hush() -> None:
    """Have the loggers of Dask, and of what it stands on, say nothing. Dask must have been imported before.

    Each of them alone: some have a level of their own. asyncio reports the tasks of others, too, so there only what
    comes from Dask is left out.
    """
    for name in list(logging.Logger.manager.loggerDict):
        if name.partition(".")[0] in _NAMES:
            logging.getLogger(name).setLevel(NEVER)
    for name in _NAMES:
        logging.getLogger(name).setLevel(NEVER)
    asyncio = logging.getLogger("asyncio")
    if _is_not_of_dask not in asyncio.filters:
        asyncio.addFilter(_is_not_of_dask)


def _is_not_of_dask(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    said = [record.getMessage(), type(error).__module__]
    frames = error.__traceback__ if error else None
    while frames:
        said.append(frames.tb_frame.f_globals.get("__name__", ""))
        frames = frames.tb_next
    return not any(name in text for name in _NAMES for text in said)
