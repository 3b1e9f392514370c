"""The measured reference values: ``reference.toml``, written by ``autoencoder-course references``, read
here.
"""

import copy
import difflib
import functools
import tomllib
from pathlib import Path

from autoencoder_helpers.errors import CourseError

PATH = Path(__file__).with_name("reference.toml")


def reference(check_name):
    """All that was measured for a check, as a dictionary (see the head of reference.toml for its keys).

    Raises CourseError for a name that nothing was measured for, and for a missing or damaged file.
    """
    checks = _checks(PATH)
    if check_name not in checks:
        near = difflib.get_close_matches(str(check_name), checks, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(checks)}."
        raise CourseError(f"No reference value is called {check_name!r}; {hint}")
    return copy.deepcopy(checks[check_name])


def threshold(check_name):
    """The value that a right model reaches and a wrong one misses; ``reference(name)["better"]`` gives the
    direction.
    """
    return float(reference(check_name)["threshold"])


def networks():
    """All that was measured of the trained networks that the course carries: {name: table}."""
    return copy.deepcopy(_document(PATH).get("networks", {}))


def network(name):
    """The table of one of them. Raises CourseError for a network that this version of the course does not carry."""
    found = networks()
    if name not in found:
        there = f"it carries {', '.join(found)}" if found else "it carries none"
        raise CourseError(f"This version of the course carries no trained network {name!r}; {there}.")
    return found[name]


def _checks(path):
    return _document(path)["checks"]


@functools.cache
def _document(path):
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        document["checks"]  # without which it is none of ours
        return document
    except FileNotFoundError:
        raise CourseError(f"The reference values are missing ({path}); install the course again.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
        raise CourseError(f"The reference values cannot be read ({path}); install the course again.") from None
