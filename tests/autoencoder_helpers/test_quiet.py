"""TensorFlow's log lines stay off stderr; a failure is still heard."""

import os
import subprocess
import sys

import pytest
from autoencoder_helpers.quiet import quiet_stderr


def test_tensorflow_is_imported_without_a_word():
    code = "import autoencoder_helpers; import tensorflow as tf; print(tf.constant(1).numpy(), tf.__spec__.name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "tensorflow"]
    assert done.stderr == ""


def test_what_was_kept_quiet_is_shown_when_the_block_fails(capfd):
    with pytest.raises(ValueError), quiet_stderr():
        os.write(2, b"why it failed")
        raise ValueError
    assert capfd.readouterr().err == "why it failed"
    with quiet_stderr():
        os.write(2, b"chatter")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


IN_A_NOTEBOOK = """
import sys, time
sys.ps1 = "In [1]: "  # what makes TensorFlow write its log to stdout
from autoencoder_helpers import train
from autoencoder_helpers.training import progress
import numpy as np, tensorflow as tf, tf_keras as keras
progress._Progress.tick = lambda display: time.sleep(0.05)  # a machine that draws slowly
net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
net.compile("sgd", "mse")
train(net, np.ones((64, 4), np.float32), epochs=1, batch_size=4, name="net")
@tf.function
def traced(number):
    return tf.constant(1.0)
for number in range(8):
    traced(number)
tf.get_logger().warning("and this one says something")
"""


def test_tensorflows_warnings_of_no_use_are_left_out_and_no_others(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", IN_A_NOTEBOOK], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    warnings = [line for line in (done.stdout + done.stderr).splitlines() if "WARNING" in line]
    assert warnings == ["WARNING:tensorflow:and this one says something"]
