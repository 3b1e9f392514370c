"""Which cells of this session ended in an error, and what they were to make.

An answer that is None because its own cell failed is not one that nobody has begun: what helps is the error.
"""

from __future__ import annotations

import ast
import re

from autoencoder_helpers.checks.raised import Unwritten, named, telling_line, whole_text
from autoencoder_helpers.front_end import session

_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)\s*=[^=]", re.MULTILINE)
_LONGEST = 4000  # of an error's text, in characters
# By the name of what a cell was to make: the last line of its error, and its whole text.
_failed: dict[str, tuple[str, str]] = {}
# By the name of what a cell was to make, if it ended well: the code on the right of its last `name = ...`.
_made_of: dict[str, str] = {}


def watch() -> None:
    """Look at the cells of this session from now on; nothing happens outside of IPython, or the second time."""
    shell = session()
    if shell is not None and _after_cell not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _after_cell)


def error_of(name: str) -> str:
    """The last line of the error that the cell ended in which was to make this name; "" if it ended well."""
    return _failed.get(name, ("", ""))[0]


def whole_error_of(name: str) -> str:
    """The whole text of that error, as long as it is not too long; "" if the cell ended well."""
    return _failed.get(name, ("", ""))[1]


def made_of(name: str) -> str:
    """The code of which the cell that ended well last made this name; "" if none did, or it is None itself."""
    return _made_of.get(name, "")


def _after_cell(result) -> None:
    error = result.error_before_exec or result.error_in_exec
    source = result.info.raw_cell or ""
    failed = error is not None and not isinstance(named(error), Unwritten) and not _waits(error, source)
    for name in _names(source):
        if failed:
            _failed[name] = f"{type(error).__name__}: {telling_line(error)}", whole_text(error)[:_LONGEST]
        else:
            _failed.pop(name, None)
        _made_of.pop(name, None)
    if error is None:
        _made_of.update(_right_sides(source))


def _waits(error, source: str) -> bool:
    """Whether a cell failed because a name that it uses, and does not make, is None: an earlier exercise is not done."""
    shell = session()
    if shell is None or not isinstance(error, (TypeError, AttributeError)) or "NoneType" not in whole_text(error):
        return False
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):
        return False
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return any(shell.user_ns.get(name, name) is None for name in used - _names(source))


def _right_sides(source: str) -> dict[str, str]:
    """The code that a cell's last `name = ...` has on its right, by name; those with None there are left out."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement.value
    return {
        name: " ".join(ast.unparse(value).split())
        for name, value in found.items()
        if not (isinstance(value, ast.Constant) and value.value is None)
    }


def _names(source: str) -> set[str]:
    """The names that a cell binds at its top."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # one that cannot be read, or with IPython's own commands
        return set(_ASSIGNED.findall(source)) | set(re.findall(r"^def (\w+)", source, re.MULTILINE))
    names = set()
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):  # what is named inside is no answer
            names.add(statement.name)
        else:
            names |= {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    return names
