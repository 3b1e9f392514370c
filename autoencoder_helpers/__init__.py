"""What a notebook of the autoencoder course imports: data, training, checks, pictures.

Import this package before TensorFlow: it chooses the Keras that TensorFlow Probability's layers work with, so
that ``tf.keras`` and ``tf_keras`` are the same library. Importing it takes no time and imports no TensorFlow;
each public name loads its own module when it is first used.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from autoencoder_helpers import old_names, surroundings
from autoencoder_helpers.errors import CourseError, UnfitEnvironment
from autoencoder_helpers.quiet import leave_out_warnings_of_no_use, quiet_tensorflow_import

if TYPE_CHECKING:
    from autoencoder_helpers.checks import check, progress
    from autoencoder_helpers.guesses import came_out, guess
    from autoencoder_helpers.handing_in import hand_in
    from autoencoder_helpers.images.cells import load_cells
    from autoencoder_helpers.images.flowers import load_flowers
    from autoencoder_helpers.images.mnist import load_mnist
    from autoencoder_helpers.pictures import explorer, plots
    from autoencoder_helpers.shipped import trained
    from autoencoder_helpers.training.choosing import choose_epochs
    from autoencoder_helpers.training.running import train

__all__ = [
    "CourseError",
    "came_out",
    "check",
    "choose_epochs",
    "explorer",
    "guess",
    "hand_in",
    "load_cells",
    "load_flowers",
    "load_mnist",
    "plots",
    "progress",
    "train",
    "trained",
]

_MODULE_OF = {
    "came_out": "guesses",
    "check": "checks",
    "choose_epochs": "training.choosing",
    "guess": "guesses",
    "load_cells": "images.cells",
    "hand_in": "handing_in",
    "load_flowers": "images.flowers",
    "load_mnist": "images.mnist",
    "progress": "checks",
    "train": "training.running",
    "trained": "shipped",
}

#: What notebooks may import that were written before the package had wings.
MOVED = {
    "cache": "images.cache",
    "explorer": "pictures.explorer",
    "flower_drawing": "images.flower_drawing",
    "flower_photos": "images.flower_photos",
    "flowers": "images.flowers",
    "mnist": "images.mnist",
    "plots": "pictures.plots",
    "reference_curves": "reference.curves",
    "style": "pictures.style",
    "training_fingerprint": "training.fingerprint",
    "training_progress": "training.progress",
    "training_store": "training.store",
}
old_names.keep(__name__, MOVED)


def __getattr__(name: str) -> Any:
    if name in ("explorer", "plots"):
        return importlib.import_module(f"autoencoder_helpers.pictures.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"autoencoder_helpers.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # the next access does not come through here
    if name == "check":
        # A kernel that was forked from a process which had imported the checks has a session only now.
        importlib.import_module("autoencoder_helpers.checks").join_session()
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _look_around() -> None:
    """Refuse a Python that lacks something in one line. What the grader starts is not asked: its doctor tells it all."""
    if "autoencoder_grader" not in sys.modules and (trouble := surroundings.trouble()):
        raise UnfitEnvironment(trouble)


def _choose_keras() -> None:
    """Make ``tf.keras`` mean tf_keras and keep TensorFlow's own chatter down; refuse when it is too late."""
    before = os.environ.get("TF_USE_LEGACY_KERAS", "")
    # Not setdefault: with "0" in the environment every layer of TensorFlow Probability would fail.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = sys.modules.get("tensorflow")
    keras_3 = f"Keras {getattr(sys.modules.get('keras'), '__version__', 3)}"
    cause = f" (TF_USE_LEGACY_KERAS={before} was set)" if before and before not in _LEGACY else ""
    # TensorFlow keeps a placeholder under "keras" until its first use, then the module itself. Looking into
    # __dict__ does not count as a use.
    keras = vars(tensorflow).get("keras") if tensorflow is not None else None
    if getattr(type(keras), "__name__", "") == "module" and keras.__name__.split(".")[0] == "keras":
        raise UnfitEnvironment(
            f"tf.keras is already {keras_3} in this kernel{cause}, and TensorFlow Probability does not work with it: "
            "restart the kernel and import autoencoder_helpers first, before TensorFlow."
        )
    if tensorflow is not None and vars(tensorflow).get("_tf_uses_legacy_keras") is False:
        # tf.keras is settled at its first use; "from tensorflow.keras import" when TensorFlow is imported.
        print(
            f"TensorFlow was imported before autoencoder_helpers{cause}: tf_keras and tf.keras work, but "
            f'"from tensorflow.keras import ..." gives {keras_3}. Restart the kernel and '
            "import autoencoder_helpers first."
        )


#: What TensorFlow takes for yes in TF_USE_LEGACY_KERAS.
_LEGACY = ("1", "true", "True")

_look_around()
_choose_keras()
quiet_tensorflow_import(surroundings.could_not_be_imported)
leave_out_warnings_of_no_use()
