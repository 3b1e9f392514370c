"""How long a training takes on this machine: said before a full one begins, and where half precision slows it down.

Before a full training a few steps of the network are timed.

Half precision is made for graphics cards. Some processors compute in float16 a hundred times slower than in float32, and
nothing tells why a training takes an hour. So of a network that computes in half precision the first steps are timed;
where the whole would take long, the same network is timed in float32 as well. Other networks are left alone.
"""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf
from autoencoder_helpers.training.progress import duration

HALF = ("float16", "bfloat16")
SLOW = 3.0  # times as long as in float32
WORTH_SAYING = 20.0  # seconds that are still to come
_STEPS = 4  # timed, after the first, which compiles the network
_ENOUGH = 5.0  # seconds of timing, however few steps they were
_STEPS_BEFOREHAND = 20  # timed before a full training
_ENOUGH_BEFOREHAND = 1.0  # seconds of these, however few they were


def watch(model, shape, name: str):
    """A Watch of a model that computes in half precision, None of any other. shape: of a batch; name: the training's."""
    found = [layer.compute_dtype for layer in _layers(model) if getattr(layer, "compute_dtype", None) in HALF]
    return Watch(model, shape, name, found[0]) if found else None


class Watch:
    """Times the steps of a training in half precision, and says once, in one line, if it is slow here.

    clock: seconds. in_float32: seconds of a step of the same network in float32, or None if that cannot be said.
    bfloat16_is_quick: whether that is a way out. say: where the line goes.
    """

    def __init__(self, model, shape, name, dtype, *, clock=None, in_float32=None, bfloat16_is_quick=None, say=None):
        self._name, self._dtype, self._clock = name, dtype, clock or time.monotonic
        self._in_float32 = in_float32 or (lambda: seconds_in_float32(model, shape))
        self._bfloat16_is_quick, self._say = bfloat16_is_quick or bfloat16_is_quick_here, say or _print
        self._ended: list[float] = []  # when each step did

    def step_ended(self, left: int) -> bool:
        """Tell that a step has ended, and how many are left; returns whether to look on."""
        self._ended.append(self._clock())
        timed = len(self._ended) - 1
        if not timed or (timed < _STEPS and self._ended[-1] - self._ended[0] < _ENOUGH):
            return True
        seconds = float(np.diff(self._ended).min())  # the machine may have done other things meanwhile
        if seconds * left >= WORTH_SAYING:
            usual = self._in_float32()
            if usual is not None and seconds > SLOW * usual:
                self._say(self._line(seconds, usual))
        return False

    def _line(self, seconds, usual):
        instead = ""
        if self._dtype == "float16" and self._bfloat16_is_quick():
            instead = ', or make it "mixed_bfloat16", which is quick here'
        return (
            f"{self._name}: {self._dtype} is slow on this machine, {_milliseconds(seconds)} a step and about "
            f"{_milliseconds(usual)} in float32. Stop, take the line with the mixed-precision policy out{instead}, "
            "restart the kernel and run all cells."
        )


def _milliseconds(seconds):
    return f"{max(1, round(1000 * seconds)):,} ms"


def _print(line):
    print(line, flush=True)


def _layers(model):
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else [layer]


def said_beforehand(model, shape, name: str, epochs: int, steps: int, seconds_of_a_step=None) -> str:
    """The line before a full training: how long its `epochs`, of so many `steps` in all, take here. shape: of a batch."""
    each = (seconds_of_a_step or seconds_of_steps)(model, shape)
    how_long = (
        "how long they take is seen once they have begun"
        if each is None
        else f"about {_roughly(each * steps)} on this machine, by a few steps that were timed"
    )
    return (
        f"{name}: {epochs} epochs, {how_long}. Interrupt the kernel (■) to stop: each finished epoch is kept, and running "
        "the cell again goes on after it."
    )


def _roughly(seconds):
    """What stands behind "about": from two minutes on no seconds."""
    return duration(seconds) if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 3570 else duration(seconds)


def seconds_of_steps(model, shape) -> float | None:
    """The seconds of one step on this machine, a mean over a few, None if the network cannot be rebuilt."""
    step = _step_of_a_twin(model, shape)
    if step is None:
        return None
    step()  # compiles the network
    began, ended = time.perf_counter(), []
    while len(ended) < _STEPS_BEFOREHAND and (not ended or ended[-1] < _ENOUGH_BEFOREHAND):
        step()
        ended.append(time.perf_counter() - began)
    return ended[-1] / len(ended)


def seconds_in_float32(model, shape) -> float | None:
    """The seconds of a forward and a backward pass of the same network in float32, None if it cannot be rebuilt."""
    step = _step_of_a_twin(model, shape)
    return None if step is None else _quickest(step)


def _step_of_a_twin(model, shape):
    """A function that computes a forward and a backward pass of the same network in float32, None if it cannot be rebuilt.

    In a graph of its own, because there no operation takes from the random numbers that the learner has seeded.
    """
    from autoencoder_helpers.evidence.description import NotDescribable, describe_models
    from autoencoder_helpers.evidence.rebuilding import Refused, rebuild_models

    try:
        twin = rebuild_models(*describe_models({"network": model}))["network"]
    except (NotDescribable, Refused):
        return None
    batch = tf.fill(shape, 0.5)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            size = tf.reduce_mean(tf.cast(tf.convert_to_tensor(twin(batch, training=False)), tf.float32))
        return [gradient for gradient in tape.gradient(size, twin.trainable_variables) if gradient is not None]

    return step


def bfloat16_is_quick_here() -> bool:
    """Whether a product of matrices takes in bfloat16 about as long as in float32."""
    quickest = {}
    for dtype in (tf.float32, tf.bfloat16):
        a = tf.fill((512, 512), tf.constant(0.5, dtype))
        quickest[dtype] = _quickest(lambda a=a: tf.matmul(a, a))
    return quickest[tf.bfloat16] < 2 * quickest[tf.float32]


def _quickest(step):
    """The seconds of the quickest of three runs; a first one, which compiles, does not count."""
    step()
    found = []
    for _ in range(3):
        began = time.perf_counter()
        step()
        found.append(time.perf_counter() - began)
    return min(found)
