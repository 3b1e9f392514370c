"""No case of the corpus trains in half precision: some processors take a hundred times as long for it.

Such a network comes with weights (tests/submissions/make_weights.py makes them), and is evaluated.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_grader.validity.corpus import read_cases
from autoencoder_grader.validity.report import CORPUS, lay_out

REPOSITORY = Path(__file__).resolve().parents[1]
#: What sets the type that a network computes in.
_PRECISION = re.compile(r"mixed_precision|set_floatx|mixed_b?float16|dtype\s*=\s*(tf\.|[\"'])b?float16")
#: Runs the code cells of a notebook, and says whether a network is trained in half precision.
RUN = """
import json, sys
import autoencoder_helpers
import tf_keras as keras

def compute(model):
    for layer in model.layers:
        yield from compute(layer) if hasattr(layer, "layers") else [layer.compute_dtype]

step = keras.Model.train_step
def watched(model, data):
    if {"float16", "bfloat16"} & set(compute(model)):
        raise SystemExit("it trains in half precision")
    return step(model, data)
keras.Model.train_step = watched

there = {}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), there)
        if "train(" in "".join(cell["source"]):
            break
else:
    raise SystemExit("it has no training")
print("evaluated, computing in", *sorted(set(compute(there.get("autoencoder") or there["vae"]))))
"""


def _in_half_precision():
    """The cases of the corpus that change the type in which a network computes."""
    for case in read_cases(REPOSITORY / CORPUS):
        changed = "\n".join(
            str(change.get(key, "")) for change in case.facts.get("cells", ()) for key in ("source", "by")
        )
        if _PRECISION.search(changed) and "float16" in changed:
            yield case


CASES = list(_in_half_precision())


def test_the_corpus_has_networks_in_half_precision():
    assert {"right-1-mixed-float16", "right-1-mixed-bfloat16", "right-2-mixed-bfloat16"} <= {
        case.name for case in CASES
    }
    # The others must not run outside the sandbox.
    assert {case.kind for case in CASES} <= {"right", "wrong"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_case_trains_in_half_precision(case, tmp_path):
    lay_out(REPOSITORY, tmp_path, [case])
    folder = tmp_path / "submitted" / case.name / case.assignment
    notebook = folder / f"{case.assignment}.ipynb"
    done = subprocess.run([sys.executable, "-c", RUN, notebook], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    assert "already trained" in done.stdout and "float16" in done.stdout.splitlines()[-1], done.stdout


def test_the_maker_of_such_weights_can_be_run():
    made_by = importlib.util.spec_from_file_location("make_weights", REPOSITORY / CORPUS / "make_weights.py")
    made_by.loader.exec_module(importlib.util.module_from_spec(made_by))
