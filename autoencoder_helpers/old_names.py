"""Names of before: modules go by those that they had when the packages had no wings, too.

Notebooks that were handed in, a course folder's own nbgrader_config.py and scripts beside it are not rewritten when a
file moves: whatever name they import, they get the very module that does its work now.
"""

import importlib
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec


class OldNames:
    """Finds and loads modules by old names; asked only when no module has such a name.

    moved: old name -> new name, both in full.
    """

    def __init__(self, moved: Mapping[str, str]):
        self._moved = moved

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in self._moved else None

    def create_module(self, spec):
        return None  # a plain one, until exec_module puts the right one in its place

    def exec_module(self, module):
        name = module.__name__
        sys.modules[name] = importlib.import_module(self._moved[name])


def keep(package: str, wings: Mapping[str, str]) -> None:
    """Let the modules of a package go by their old names. wings: old name -> new name, both without the package."""
    sys.meta_path.append(OldNames({f"{package}.{old}": f"{package}.{new}" for old, new in wings.items()}))
