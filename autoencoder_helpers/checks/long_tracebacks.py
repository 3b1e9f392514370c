"""Of a recursion that never ends, the first and the last calls are shown.

Python gives one up after thousands of calls. IPython then looks up the code of each: half a minute for a learner who
waits, too long for a notebook that is graded, and pages that nobody reads.
"""

from __future__ import annotations

from types import TracebackType

from autoencoder_helpers.front_end import session

_SHOWN = 8  # calls at either end


def shorten() -> None:
    """Show such errors of this session so from now on; nothing happens outside of IPython, or the second time."""
    shell = session()
    if shell is not None and not shell.custom_exceptions:  # else somebody shows errors in a way of their own
        shell.set_custom_exc((RecursionError,), _show)


def _show(shell, kind, error, traceback, tb_offset=None) -> None:
    seen = set()
    cause = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        _cut(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)


def _cut(traceback: TracebackType | None) -> None:
    """Take the calls in the middle out of a long traceback."""
    calls = []
    while traceback is not None:
        calls.append(traceback)
        traceback = traceback.tb_next
    if len(calls) > 2 * _SHOWN:
        calls[_SHOWN - 1].tb_next = calls[-_SHOWN]
