"""TensorFlow kept quiet: its own chatter stays off stderr, where it frightens learners and costs points.

TensorFlow's C++ part writes a screenful of log lines when it is imported, before any setting of its own can stop
it. nbgrader scores a graded cell 0 for a single byte on stderr. In a notebook TensorFlow writes its warnings to stdout
instead, between the results.
"""

import contextlib
import importlib.abc
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable


@contextlib.contextmanager
def quiet_stderr():
    """Turn the file descriptor of stderr away, C++ libraries included; shown after all if the block raises."""
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all, as under pythonw
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except Exception:
            caught.seek(0)
            os.write(kept, caught.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def quiet_tensorflow_import(explain: Callable[[Exception], Exception]) -> None:
    """Make the next `import tensorflow`, whoever asks for it, a quiet one. Imports nothing itself.

    explain: makes of an error in there the one that is raised in its place.
    """
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(explain))


class _NothingToDo(logging.Filter):
    """Takes warnings out about which a learner can do nothing: they speak of how the course's own code calls TensorFlow.

    One says that drawing the progress of a training takes longer than a small batch, which it may, a few times a second; the other
    that a function was traced again, as each new network that a check looks at must be.
    """

    _ABOUT = ("Callback method `", "triggered tf.function retracing")

    def filter(self, record):
        return not any(words in str(record.msg) for words in self._ABOUT)


def leave_out_warnings_of_no_use() -> None:
    """Have TensorFlow's log, imported or not, leave out what a learner can do nothing about."""
    log = logging.getLogger("tensorflow")
    if not any(isinstance(there, _NothingToDo) for there in log.filters):
        log.addFilter(_NothingToDo())


class _Finder(importlib.abc.MetaPathFinder):
    """Stands first in the queue of finders until TensorFlow is asked for, and then leaves it."""

    def __init__(self, explain):
        self._explain = explain

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._explain)
        return spec


class _Loader(importlib.abc.Loader):
    """TensorFlow's own loader, with stderr turned away while it works."""

    def __init__(self, loader, explain):
        self._loader, self._explain = loader, explain

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        try:
            with quiet_stderr():
                self._loader.exec_module(module)
        except Exception as error:  # noqa: BLE001 - whatever ends it: a missing library, versions that do not fit
            raise self._explain(error) from None

    def __getattr__(self, name):  # resources and sources are still the original loader's
        return getattr(self._loader, name)
