"""Makes the weights of a case whose network computes in half precision, without training in half precision.

    python tests/submissions/make_weights.py right-1-mixed-float16

Some processors compute in float16 a hundred times slower than in float32, so no case trains in it. The case's notebook
runs up to its training; then the same network is trained in float32, and what it has learned is written as `train` in
that notebook would have written it: its weights, rounded to what half precision holds, so that the file is small.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import autoencoder_helpers
import numpy as np
import tf_keras as keras
from autoencoder_grader.validity.corpus import read_cases
from autoencoder_grader.validity.report import CORPUS, lay_out
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.training import fingerprint, running, store

REPOSITORY = Path(__file__).resolve().parents[2]


class _Made(Exception):
    """The weights are written: the rest of the notebook need not run."""


def main(name: str) -> None:
    """Make the weights of one case."""
    (case,) = [case for case in read_cases(REPOSITORY / CORPUS) if case.name == name]
    folder = REPOSITORY / CORPUS / "weights" / case.name
    autoencoder_helpers.train = lambda *given, **options: _train(folder, *given, **options)
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch), contextlib.suppress(_Made):
        lay_out(REPOSITORY, Path(scratch), [case])
        notebook = Path("submitted", case.name, case.assignment, f"{case.assignment}.ipynb")
        there: dict = {}
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), cell["id"], "exec"), there)


def _train(folder, model, x, *, epochs, batch_size, name, validation_data, seed):
    """In the place of `train`: write the file that it would have left."""
    optimizer, loss = getattr(model.optimizer, "inner_optimizer", model.optimizer), model.loss
    twin = rebuild_models(*describe_models({"network": model}))["network"]
    twin.set_weights(model.get_weights())
    twin.compile(type(optimizer).from_config(optimizer.get_config()), loss)
    keras.utils.set_random_seed(seed)
    history = twin.fit(x, x, batch_size=batch_size, epochs=epochs, validation_data=validation_data, verbose=2).history
    weights = [array.astype(np.float16).astype(np.float32) for array in twin.get_weights()]
    facts = fingerprint.describe(model, x, x, validation_data, batch_size=batch_size, seed=seed, shuffle=True)
    state = [variable.numpy() for variable in running._optimizer_variables(model)]  # as before the first step
    path = folder / f"{name}.npz"
    store.write(path, store.Stored(weights, state, history, facts))
    with np.load(path) as written:
        arrays = dict(written)
    np.savez_compressed(path, **arrays)
    raise _Made


if __name__ == "__main__":
    main(*sys.argv[1:])
