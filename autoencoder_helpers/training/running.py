"""Train a network so that nothing is lost: ``train`` is Keras's ``fit`` with progress, saving and going on.

After each epoch weights, optimizer state and history are written to ``weights/<name>.npz`` beside the
notebook. Run the same cell again after a crash or a stop, and the training goes on after the last whole
epoch; run it again after the end, and the weights are loaded instead. What counts as the same training is
decided in :mod:`autoencoder_helpers.training.fingerprint`; the file is
:mod:`autoencoder_helpers.training.store`; what is seen meanwhile is
:mod:`autoencoder_helpers.training.progress`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import grading_folder
from autoencoder_helpers.evidence.training_records import remember
from autoencoder_helpers.reference.curves import curve as reference_curve
from autoencoder_helpers.training import fingerprint, progress, speed, store
from autoencoder_helpers.training.choosing import FullEpochs
from autoencoder_helpers.training.grading import expect_whole


@dataclass
class Training:
    """What ``train`` returns. ``history``: name -> one float an epoch, like Keras's; ``epochs``: how many are
    done."""

    history: dict[str, list[float]]
    epochs: int
    name: str
    trained: int  # epochs trained by this very call
    path: Path | None = field(default=None)  # the file, or None when it could not be written

    def __repr__(self):
        loss = self.history["loss"][-1] if self.history.get("loss") else float("nan")
        return f"<training {self.name}: {self.epochs} epochs, loss {loss:.4g}>"


def train(
    model, x, y=None, *, epochs, batch_size, name, validation_data=None, shuffle=True, seed=None, folder="weights"
) -> Training:
    """Fit ``model`` for ``epochs`` epochs in all, saved after each one; go on or skip when a matching file is
    there.

    ``model``: a compiled tf_keras model. ``x``: images, array (N, ...); ``y``: targets (N, ...), by default
    ``x`` itself, as an autoencoder wants it. ``validation_data``: (x, y) or x alone. ``name``: file name of
    the weights. ``seed``: if given, random numbers are set to ``seed + epochs already done`` before fitting
    and to ``seed + epochs`` afterwards, so that runs repeat, and what follows draws the same numbers whether
    the training ran or was loaded.

    A file counts as the same training when network, loss (by its values), KL weight and prior, optimizer,
    data, batch_size, seed and shuffle agree; ``epochs`` may differ: a file with fewer is continued, one with
    as many or more is loaded and nothing runs. A file that does not fit is kept as ``<name>.old.npz``, and taken
    up again when it is asked for. In grading, which asks for the short training of each chapter, a finished longer one by another
    recipe is taken as it is. One that cannot be read is replaced; each is said in one line. A folder that cannot be written to costs a
    warning, not the training.

    Returns a Training with ``.history`` and ``.epochs``. Raises CourseError for a model that is not compiled
    or arguments that make no sense.
    """
    by_choice = isinstance(epochs, FullEpochs)
    x, y, validation_data, epochs, batch_size = _checked(model, x, y, validation_data, epochs, batch_size)
    path = store.path_of(name, folder)
    _build(model, x)
    facts = fingerprint.describe(model, x, y, validation_data, batch_size=batch_size, seed=seed, shuffle=shuffle)
    remember(model, len(x), facts["data"]["x"]["sums"])
    stored = _matching(path, model, facts, epochs)
    done = stored.epochs if stored else 0
    optimizer = facts["optimizer"]
    beside = reference_curve(
        name, len(x), x.shape[1:], batch_size, optimizer["class"], optimizer["config"].get("learning_rate")
    )
    if stored:
        model.set_weights(stored.weights)
        _set_optimizer_state(model, stored.optimizer)
    if done >= epochs:
        _seed(seed, done)
        progress.show_finished(_line_when_skipped(name, path, stored, epochs), stored.history, name, beside)
        return Training(stored.history, done, name, trained=0, path=path)

    expect_whole()
    if by_choice:
        steps = (epochs - done) * math.ceil(len(x) / batch_size)
        print(speed.said_beforehand(model, (batch_size, *x.shape[1:]), name, epochs - done, steps), flush=True)
    note = f"going on after epoch {done} of {epochs}, from {path}" if done else ""
    display = progress.make(name, done, epochs, note, beside)
    keeper = _Keeper(model, path, facts, stored.history if stored else {}, display)
    keeper.watch = speed.watch(model, (min(batch_size, len(x)), *x.shape[1:]), name)
    _seed(seed, done)
    started = time.monotonic()
    try:
        images = _dataset(x, y, batch_size, shuffle)
        unseen = None if validation_data is None else _dataset(*validation_data, batch_size, shuffle=False)
        model.fit(images, epochs=epochs, initial_epoch=done, validation_data=unseen, verbose=0, callbacks=[keeper])
    except KeyboardInterrupt:
        saved = keeper.saved
        display.close(
            f"{name}: stopped. "
            + (
                f"{saved} of {epochs} epochs are saved in {path}; run this cell again to go on."
                if saved
                else "No epoch was finished, so nothing is saved; run this cell again to start."
            )
        )
        # A new exception from here: without the frames of TensorFlow in the learner's notebook.
        raise KeyboardInterrupt(f"training of {name} stopped") from None
    except BaseException as error:
        display.close()
        unfit = _unfit_shapes(model, x, y) if isinstance(error, (ValueError, tf.errors.InvalidArgumentError)) else None
        if unfit:
            raise CourseError(unfit) from None
        raise
    history = keeper.history
    finished = len(history["loss"])
    _seed(seed, finished)
    display.close(
        keeper.diverged
        or _line_when_trained(
            name, history, finished, time.monotonic() - started, path if keeper.saved == finished else None
        )
    )
    return Training(history, finished, name, trained=finished - done, path=path if keeper.saved else None)


def load_weights(model, name, folder="weights") -> bool:
    """Load ``<folder>/<name>.npz`` into a built ``model``; True when every array fits, else False and no
    change.

    For graders: prints nothing, raises nothing, unpickles nothing, and neither needs nor touches the
    optimizer.
    """
    try:
        stored = store.read(store.path_of(name, folder), model.weights)
        model.set_weights(stored.weights)
    except (store.Damaged, OSError, CourseError, ValueError, AttributeError):
        return False
    return True


# -------------------------------------------------------------------------------------------------- arguments


def _checked(model, x, y, validation_data, epochs, batch_size):
    if not isinstance(model, keras.Model):
        raise CourseError(f"train: expected a tf_keras model, found {type(model).__name__}.")
    if getattr(model, "optimizer", None) is None:
        raise CourseError("train: the model is not compiled; call compile(optimizer=..., loss=...) first.")
    for word, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise CourseError(f"train: {word} must be a whole number above 0, found {value!r}.")
    x = _array(x, "x")
    y = x if y is None else _array(y, "y")
    if len(x) != len(y):
        raise CourseError(f"train: {len(x)} images but {len(y)} targets; each image needs one.")
    if validation_data is not None:
        pair = validation_data if isinstance(validation_data, (tuple, list)) else (validation_data,) * 2
        if len(pair) != 2:
            raise CourseError("train: validation_data must be (x_test, y_test), or x_test alone.")
        first = _array(pair[0], "validation_data")
        validation_data = (first, first if pair[1] is pair[0] else _array(pair[1], "validation_data"))
    return x, y, validation_data, int(epochs), int(batch_size)


def _array(values, what):
    if isinstance(values, tf.data.Dataset) or values is None:
        raise CourseError(f"train: {what} must be an array of images, found {type(values).__name__}.")
    array = np.asarray(values)
    if array.ndim < 1 or array.dtype.kind not in "fiub" or not len(array):
        raise CourseError(
            f"train: {what} must be an array of numbers with one row an image, found shape "
            f"{array.shape}, dtype {array.dtype}."
        )
    # Keras, too, turns float64 into float32 before the first batch.
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _unfit_shapes(model, x, y) -> str | None:
    """What is wrong with the shapes once Keras has refused them: it says so below a long traceback; None if they fit.

    Asked afterwards only, since a loss of one's own may want targets of any shape.
    """
    pairs = (("x is", "takes in", x, model.input_shape), ("the targets are", "gives out", y, model.output_shape))
    for words, does, array, shape in pairs:
        if not isinstance(shape, tuple) or None in shape[1:]:
            continue
        if [n for n in array.shape[1:] if n != 1] != [n for n in shape[1:] if n != 1]:
            found = f"of shape {array.shape[1:]}" if array.ndim > 1 else "one number"
            labels = " Labels? An autoencoder's targets are its images." if array.ndim == 1 else ""
            return f"train: {words} {found} for each image, and the network {does} {shape[1:]}.{labels}"
    return None


def _build(model, x):
    """A Sequential without an input layer has no weights until it has seen a batch's shape."""
    if not model.built:
        model.build((None, *x.shape[1:]))


def _dataset(x, y, batch_size, shuffle):
    """Shuffled batches, as ``fit`` makes them of arrays, without tf.data's autotuning.

    Autotuning runs a thread that wakes up at intervals that double up to a minute; when an iterator is
    deleted at the wrong moment (TensorFlow 2.21 and before), its end waits for the next interval: ``fit`` on
    arrays then returns up to a minute after its last epoch. Without the thread there is nothing to wait for.
    """
    images = tf.constant(x)
    targets = images if y is x else tf.constant(y)
    order = tf.data.Dataset.range(len(x))
    if shuffle:
        order = order.shuffle(len(x), reshuffle_each_iteration=True)
    batches = order.batch(batch_size).map(lambda rows: (tf.gather(images, rows), tf.gather(targets, rows)))
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(2).with_options(options)


def _seed(seed, epochs_done):
    if seed is not None:
        keras.utils.set_random_seed(int(seed) + epochs_done)


# ----------------------------------------------------------------------------------------------------- resume


def _matching(path, model, facts, epochs):
    """The stored training if it is the same one, else None; says in one line why a file is not used."""
    try:
        there = store.read_facts(path)
        try:
            reason = fingerprint.difference(there, facts)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):
            raise store.Damaged("its facts are not whole") from None
        if reason and grading_folder() and not fingerprint.difference(there, facts, recipe=False):
            # The full training, which grading does not ask for, may have a recipe of its own: nothing is left to train.
            finished = store.read(path, model.weights)
            if finished.epochs >= epochs:
                return finished
        if reason and _is_the_same(store.old_of(path), facts) and store.change_places_with_old(path):
            print(f"{path} {reason}; {store.old_of(path).name} is this training: they have changed names.", flush=True)
        elif reason:
            not_fresh = _has_learned_this(model, path)
            kept = store.keep_as_old(path)
            print(
                f"{path} {reason}: training anew"
                + (f", the old file is kept as {kept.name}." if kept else ".")
                + not_fresh,
                flush=True,
            )
            return None
        return store.read(path, model.weights, _optimizer_variables(model))
    except FileNotFoundError:
        return None
    except store.Damaged as reason:
        print(f"{path} is damaged ({reason}): training anew.", flush=True)
    except (OSError, MemoryError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        print(f"{path} cannot be read ({why}): training anew.", flush=True)
    return None


def _has_learned_this(model, path):
    """A sentence for a network that begins where the training in a file has ended, else ""."""
    try:
        learned = store.read(path, model.weights).weights
    except (OSError, store.Damaged, MemoryError):
        return ""
    if not all(np.array_equal(there, here) for there, here in zip(learned, model.get_weights(), strict=True)):
        return ""
    return " The network goes on from what it has learned there: for fresh weights run the cells that build it, and then this one."


def _is_the_same(path, facts):
    """Whether a file, which need not be there, holds this training: an earlier one, put aside for another recipe."""
    try:
        return not fingerprint.difference(store.read_facts(path), facts)
    except (OSError, store.Damaged, MemoryError, KeyError, TypeError, AttributeError, ValueError, IndexError):
        return False


def _optimizer_variables(model):
    """The optimizer's variables, made if need be: moments, the step counter, the learning rate."""
    optimizer = model.optimizer
    # keras.optimizers.legacy, which tf_keras picks by itself on some machines
    if hasattr(optimizer, "_create_all_weights"):
        optimizer._create_all_weights(model.trainable_variables)
        return list(optimizer.weights)
    optimizer.build(model.trainable_variables)
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)


def _set_optimizer_state(model, arrays):
    for variable, array in zip(_optimizer_variables(model), arrays):
        variable.assign(array)


# ----------------------------------------------------------------------------------------------- the callback


class _Keeper(keras.callbacks.Callback):
    """Saves after each epoch, keeps the history across runs, and feeds the display."""

    # Without this Keras would turn the losses of every batch into NumPy numbers, which costs more than a
    # small batch.
    _supports_tf_logs = True

    def __init__(self, model, path, facts, history, display):
        super().__init__()
        self.path, self.facts, self.display = path, facts, display
        self.history = {key: list(values) for key, values in history.items()}
        self.saved = len(self.history.get("loss", ()))
        self.diverged = ""
        self.watch = None  # of the time that a step takes in half precision
        self._may_write = True

    def on_train_begin(self, logs=None):
        self.display.begin(self.params.get("steps"), self.history)

    def on_epoch_begin(self, epoch, logs=None):
        self.display.epoch, self.display.step = epoch, 0

    def on_train_batch_end(self, batch, logs=None):
        self.display.step = batch + 1
        self.display.tick()
        if self.watch and not self.watch.step_ended(self.display.batches_left()):
            self.watch = None
        if self.display.due():
            self.display.update(float(logs["loss"]) if logs and "loss" in logs else None)

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        for key, value in (logs or {}).items():
            values = self.history.setdefault(key, [])
            values += [math.nan] * (epoch - len(values))  # a metric that earlier runs did not measure
            values.append(float(value))
        for values in self.history.values():
            values += [math.nan] * (done - len(values))
        if not math.isfinite(self.history["loss"][-1]):
            self.model.stop_training = True
            loss = self.history["loss"][-1]
            self.diverged = (
                f"{self.display.name}: the loss is {loss} after epoch {done}; training stopped. "
                "Are the images scaled to 0..1? Is the learning rate small?"
            )
            return
        self._save()
        self.display.epoch, self.display.step = done, 0
        self.display.epoch_ended()

    def _save(self):
        if not self._may_write:
            return
        weights = [variable.numpy() for variable in self.model.weights]
        state = [variable.numpy() for variable in _optimizer_variables(self.model)]
        try:
            store.write(self.path, store.Stored(weights, state, self.history, self.facts))
            self.saved = len(self.history["loss"])
        except OSError as error:
            self._may_write = False
            why = error.strerror or type(error).__name__
            print(
                f"{self.path} cannot be written ({why}): the training goes on, but its weights are not "
                "saved from here.",
                flush=True,
            )


# ------------------------------------------------------------------------------------------------------ lines


def _losses(history):
    test = history.get("val_loss", ())
    return f"loss {history['loss'][-1]:.4g}" + (f", test {test[-1]:.4g}" if len(test) else "")


def _epochs(count):
    return f"{count} epoch" if count == 1 else f"{count} epochs"


def _line_when_trained(name, history, finished, seconds, path):
    return f"{name}: {_epochs(finished)}, {_losses(history)}, trained in {progress.duration(seconds)}" + (
        f"; weights in {path}." if path else "; weights not saved."
    )


def _line_when_skipped(name, path, stored, epochs):
    more = f" ({epochs} were asked for)" if stored.epochs > epochs else ""
    return (
        f"{name}: already trained, {_epochs(stored.epochs)}{more}, {_losses(stored.history)}; "
        f"weights loaded from {path}."
    )
