"""A training that is not lost: `train` is Keras's `fit` with progress, weights saved after each epoch, and going on."""

import importlib

# What other people's notebooks import from here; each loads TensorFlow, so only when it is asked for.
_MODULE_OF = {"choose_epochs": "choosing", "Training": "running", "load_weights": "running", "train": "running"}


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
