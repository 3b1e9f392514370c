"""train() says when half precision is slow here: once, in one line, and changes nothing. No test asks this machine's speed."""

import random

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import train
from autoencoder_helpers.training import running, speed
from autoencoder_helpers.training.speed import Watch, watch

L = keras.layers
IMAGES = np.random.default_rng(0).random((48, 12)).astype(np.float32)


def network(dtype="float32"):
    inner = keras.Sequential([L.Input((12,)), L.Dense(5, "relu", dtype=dtype), L.Dropout(0.5)])
    cloud = tfp.layers.IndependentNormal(2)
    model = keras.Sequential([L.Input((12,)), inner, L.Dense(4), cloud, L.Dense(12, "sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def told(each, usual, *, left=5000, dtype="float16", quick=True, steps=20):
    """(lines, steps looked at, times that float32 was timed) of a training whose steps take these seconds each."""
    lines, timed, now = [], [], [100.0]
    looks = Watch(
        None, (), "net", dtype, clock=lambda: now[0], say=lines.append, bfloat16_is_quick=lambda: quick,
        in_float32=lambda: timed.append(1) or usual,
    )  # fmt: skip
    for step in range(steps):
        now[0] += each[step] if isinstance(each, list) else each
        if not looks.step_ended(left - step):
            break
    return lines, step + 1, len(timed)


def test_slow_half_precision_is_one_line_that_says_what_to_do():
    (line,), steps, timed = told(1.467, 0.017)
    assert line == (
        "net: float16 is slow on this machine, 1,467 ms a step and about 17 ms in float32. Stop, take the line with the "
        'mixed-precision policy out, or make it "mixed_bfloat16", which is quick here, restart the kernel and run all cells.'
    )
    assert steps <= 5 and timed == 1


def test_bfloat16_is_recommended_only_where_it_is_quick():
    assert "mixed_bfloat16" not in told(1.467, 0.017, quick=False)[0][0]
    (line,) = told(1.467, 0.017, dtype="bfloat16")[0]
    assert "bfloat16 is slow" in line and "mixed_bfloat16" not in line


@pytest.mark.parametrize(
    ("case", "seconds", "usual", "left"),
    [
        ("as quick as float32", 0.02, 0.017, 50_000),
        ("slower, as one may be", 0.04, 0.017, 50_000),
        ("over soon", 0.9, 0.01, 10),
        ("a network that cannot be timed in float32", 1.4, None, 5000),
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_say(case, seconds, usual, left):
    lines, _, timed = told(seconds, usual, left=left)
    assert not lines, case
    assert timed == (seconds * left > 20), "what is over soon is not worth timing"


def test_one_slow_step_among_quick_ones_is_the_machine_s_affair():
    assert told([3.0, 0.02, 4.0, 0.02, 0.02, 0.02], 0.017)[0] == []


def test_a_step_of_a_minute_is_enough():
    lines, steps, _ = told(60.0, 0.5)
    assert lines and steps == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_networks_are_left_alone(dtype):
    assert watch(keras.Sequential([L.Input((12,)), L.Dense(2, dtype=dtype)]), (16, 12), "net") is None


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_seen_wherever_it_is(dtype):
    assert isinstance(watch(network(dtype), (16, 12), "net"), Watch)


def test_the_same_network_is_timed_in_float32(monkeypatch):
    monkeypatch.setattr(speed.time, "perf_counter", iter(np.arange(0, 60, 0.25)).__next__)
    assert speed.seconds_in_float32(network("mixed_float16"), (16, 12)) == 0.25
    assert speed.bfloat16_is_quick_here()

    class Own(L.Dense):
        pass

    own = keras.Sequential([L.Input((12,)), Own(2, dtype="mixed_float16")])
    assert speed.seconds_in_float32(own, (16, 12)) is None


def trained(folder):
    """What a training gives, and the next random numbers of every kind."""
    keras.utils.set_random_seed(5)
    model = network()
    history = train(model, IMAGES, epochs=3, batch_size=16, name="net", folder=folder).history
    return (
        history["loss"],
        [array.tolist() for array in model.get_weights()],
        [random.random(), np.random.random(), tf.random.normal((2,)).numpy().tolist()],
        network().get_weights()[0].tolist(),
    )


def test_looking_changes_neither_results_nor_random_numbers(tmp_path, monkeypatch, capfd):
    """No test trains in half precision: float32 stands for it here, and every step for a slow one."""
    monkeypatch.chdir(tmp_path)
    usual = trained("before")
    capfd.readouterr()
    monkeypatch.setattr(speed, "HALF", ("float32",))
    monkeypatch.setattr(speed, "WORTH_SAYING", 0.0)
    monkeypatch.setattr(speed, "SLOW", 0.0)
    assert trained("watched") == usual
    out, err = capfd.readouterr()
    assert err == "", "nbgrader gives no points to a cell that writes on stderr"
    (line,) = [line for line in out.splitlines() if "slow on this machine" in line]
    assert line.startswith("net: float32 is slow")


def test_a_usual_training_never_looks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Watch, "step_ended", lambda *_: pytest.fail("looked at"))
    seen = []
    monkeypatch.setattr(running.speed, "watch", lambda *given: seen.append(watch(*given)))
    trained("plain")
    assert seen == [None]
