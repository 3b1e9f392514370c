"""Makes the weights that a case of the corpus hands in where the course's own do not fit its network.

    python tests/submissions/make_weights.py right-1-mixed-float16 wrong-2-decoder-no-sigmoid

A case in wrong/ would be trained by grading, and what becomes of a wrong network in its few epochs may hang on the
processor: a case without its sigmoid learned on one and died on another. It is graded here once, and what grading
trained becomes a part of the case, made small as the course's weights are.

Some processors compute in float16 a hundred times slower than in float32, so no case trains in it, nor here: the case's
notebook runs up to its training; then the same network is trained in float32, and what it has learned is written as
`train` in that notebook would have written it: its weights, rounded to what half precision holds.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import autoencoder_helpers
import numpy as np
import tf_keras as keras
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.references.trained import make_small
from autoencoder_grader.validity.corpus import read_cases
from autoencoder_grader.validity.report import CORPUS, lay_out, trained_in_grading
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.training import fingerprint, running, store

REPOSITORY = Path(__file__).resolve().parents[2]


class _Made(Exception):
    """The weights are written: the rest of the notebook need not run."""


def main(*names: str) -> None:
    """Make the weights of some cases."""
    if not names:
        raise SystemExit(__doc__)
    cases = [case for case in read_cases(REPOSITORY / CORPUS) if case.name in names]
    for missing in sorted(set(names) - {case.name for case in cases}):
        raise SystemExit(f"{missing}: no case has this name; see {CORPUS.as_posix()}/<kind>/")
    in_half = [case for case in cases if "float16" in case.path.read_text(encoding="utf-8")]
    for case in in_half:
        _make_in_float32(case)
    others = [case for case in cases if case not in in_half]
    if others:
        _make_by_grading(others)


def _make_by_grading(cases) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        shard = Path(scratch)
        # Without the weights that they have: those are to be made again.
        lay_out(REPOSITORY, shard, cases, weights=shard / "none")
        grade(shard, workers=2)
        for case in cases:
            trained = trained_in_grading(shard, case)
            if not trained:
                print(f"{case.name}: grading trained nothing, so the weights of the course fit it")
            for path in trained:
                target = REPOSITORY / CORPUS / "weights" / case.name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                print(f"{make_small(path, target).relative_to(REPOSITORY)}: {target.stat().st_size / 1000:.0f} kB")


def _make_in_float32(case) -> None:
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
