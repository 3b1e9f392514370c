"""What an instructor runs: release, demo, grading, measuring the reference values.

Imports autoencoder_helpers; nothing in autoencoder_helpers ever imports this package.
"""

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

# A course folder has a nbgrader_config.py of its own, and scripts beside it, which may name modules as they were named
# before the packages had wings: each old name gives the module that does its work now.
_MOVED = {
    "companions": "nbgrader_steps",
    "execution": "nbgrader_steps",
    "export": "nbgrader_steps",
    "feedback_page": "nbgrader_steps",
    "grading": "engine",
    "harmless": "nbgrader_steps",
    "late": "nbgrader_steps",
    "nbgrader_api": "nbgrader_steps",
    "release": "nbgrader_steps",
    "repair": "nbgrader_steps",
    "sandbox": "kernels",
    "scores": "nbgrader_steps",
}


class _OldNames(MetaPathFinder, Loader):
    """Finds a module by its old name; asked only when no module has that name."""

    def find_spec(self, name, path=None, target=None):
        package, _, leaf = name.rpartition(".")
        return ModuleSpec(name, self) if package == __name__ and leaf in _MOVED else None

    def create_module(self, spec):
        return None  # a plain one, until exec_module puts the right one in its place

    def exec_module(self, module):
        name = module.__name__
        leaf = name.rpartition(".")[2]
        sys.modules[name] = importlib.import_module(f"{__name__}.{_MOVED[leaf]}.{leaf}")


sys.meta_path.append(_OldNames())
