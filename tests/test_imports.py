"""What must not be imported, by whom: names of modules, not seconds, so that a busy machine changes nothing."""

import json
import subprocess
import sys

import pytest

#: Takes a second and more, each.
HEAVY = ("tensorflow", "tf_keras", "tensorflow_probability", "nbgrader", "distributed", "matplotlib", "jupyter_server")
LOADED = "; import json, sys; print(json.dumps([name for name, module in sys.modules.items() if module is not None]))"


@pytest.fixture(scope="module")
def loaded_by():
    """loaded_by(source): the names of all modules that are there when a new Python has run it."""

    def run(source):
        done = subprocess.run([sys.executable, "-c", source + LOADED], capture_output=True, text=True, check=True)
        return set(json.loads(done.stdout.splitlines()[-1]))

    return run


@pytest.mark.parametrize("arguments", [[], ["--help"], ["grade", "--help"]])
def test_the_command_imports_nothing_heavy_before_it_works(loaded_by, arguments):
    loaded = loaded_by(
        "from autoencoder_grader.cli import main"
        + (f"; main({arguments!r}, standalone_mode=False)" if arguments else "")
    )
    assert "click" in loaded and not loaded & {*HEAVY, "numpy", "PIL"}


@pytest.mark.parametrize("start", ["files.imports import leave_out_unneeded; leave_out_unneeded()", "cli import main"])
def test_the_engine_imports_neither_tensorflow_nor_grammars_that_nobody_needs(loaded_by, start):
    start = f"from autoencoder_grader.{start}"
    if start.endswith("main"):
        start += "; main(['grade', '--help'], standalone_mode=False)"
    loaded = loaded_by(f"{start}; import autoencoder_grader.engine.grading, autoencoder_grader.engine.worker")
    unneeded = {
        "rfc3987_syntax",
        "lark",
        "tensorflow",
        "tf_keras",
        "distributed",
        "dask",
        "pandas",
        "matplotlib",
        "bokeh",
    }
    assert "jsonschema" in loaded and not loaded & unneeded


def test_workers_on_this_machine_import_nothing_of_a_cluster(loaded_by):
    start = "from autoencoder_grader.engine.pool_worker import _settle; _settle(1)"
    loaded = loaded_by(f"{start}; import autoencoder_grader.engine.worker, autoencoder_grader.engine.pool")
    assert not loaded & {"rfc3987_syntax", "distributed", "dask", "tensorflow", "matplotlib"}


@pytest.mark.parametrize("package", ["autoencoder_helpers", "autoencoder_helpers.checks"])
def test_listing_the_checks_imports_no_tensorflow(loaded_by, package):
    assert not loaded_by(f"import {package}") & set(HEAVY)
