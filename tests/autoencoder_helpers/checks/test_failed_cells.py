"""An answer that is None because its cell failed: the card tells the error, and not that nobody has begun."""

import json
import subprocess
import sys

import pytest

#: What a session runs, cell by cell, and what the check of the name that each is to make then says.
CELLS = {
    "fails": ("encoder = None\nencoder = encoder.add(3)", "dense.encoder", "encoder"),
    "fails with a command": ("%precision 3\ncodes = None\ncodes = 1 / 0", "dense.codes", "codes"),
    "fails to be read": ("decoder = None\ndecoder = )", "dense.decoder", "decoder"),
    "a function, fails": ("pca = None\nlen(3)\ndef pca(): pass", "dense.pca", "pca_reconstruct"),
    "named inside a function only": (
        "def helper():\n    later = 3\n\n1 / 0",
        "vae.prior",
        "later",
    ),
    "not begun": ("prior = None\nraise NotImplementedError('Define the prior')", "vae.prior", "prior"),
    "of a library": (
        "import tensorflow_probability as tfp\nprior2 = None\n"
        "prior2 = tfp.distributions.LogNormal(0.0, 1.0).kl_divergence(tfp.distributions.Gamma(1.0, 1.0))",
        "vae.prior",
        "prior2",
    ),
    "waits for an earlier exercise": ("joined = None\njoined = prior2(3)", "dense.autoencoder", "joined"),
    "mended": ("encoder = None\nencoder = 3", "dense.encoder", "encoder"),
}
SESSION = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import autoencoder_helpers.checks
from autoencoder_helpers.checks.rule import NotYet
from autoencoder_helpers.checks import answers, failed_cells
failed_cells.watch()  # a second time
assert shell.events.callbacks["post_run_cell"].count(failed_cells._after_cell) == 1
kinds = {"encoder": answers.Model(), "decoder": answers.Model(), "codes": answers.Array(), "prior": answers.Distribution(),
         "prior2": answers.Distribution(), "later": answers.Distribution(), "pca_reconstruct": answers.Function(), "joined": answers.Model()}
found = {}
for title, (cell, _, name) in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell(cell)
    try:
        kinds[name].read(shell.user_ns.get(name), name)
    except NotYet as reason:
        found[title] = reason.texts
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def cards():
    done = subprocess.run(
        [sys.executable, "-c", SESSION, json.dumps(CELLS)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("title", "error"),
    [
        ("fails", "AttributeError: 'NoneType' object has no attribute 'add'"),
        ("fails with a command", "ZeroDivisionError: division by zero"),
        ("of a library", "NotImplementedError: No KL(distribution_a || distribution_b) registered"),
    ],
)
def test_the_error_of_its_cell_is_told(cards, title, error):
    texts = cards[title]
    assert texts["mistake"] == "cell-failed"
    assert texts["found"].startswith(f"None: its cell ended in an error, {error}") and "traceback" in texts["look"]


def test_a_cell_that_python_cannot_read_is_told_too(cards):
    assert cards["fails to be read"]["mistake"] == "cell-failed"
    assert "SyntaxError" in cards["fails to be read"]["found"]


@pytest.mark.parametrize(
    "title", ["not begun", "waits for an earlier exercise", "a function, fails", "named inside a function only"]
)
def test_what_is_not_begun_and_what_another_cell_makes_is_no_failed_cell(cards, title):
    assert cards[title]["mistake"] in ("missing", "no-function") and "raise line" in cards[title]["look"]


def test_what_was_mended_is_forgotten(cards):
    assert cards["mended"]["mistake"] == "no-model" and "error" not in cards["mended"]["found"]


FORKED = """
import autoencoder_helpers.checks  # as the process has that a kernel is forked from
from autoencoder_helpers.checks import failed_cells
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("from autoencoder_helpers import check")
shell.run_cell("encoder = None; encoder = 1 / 0")
print("error:", failed_cells.error_of("encoder"))
"""


def test_a_kernel_that_was_forked_after_the_imports_is_watched_too():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "error: ZeroDivisionError: division by zero", done.stderr[-2000:]
