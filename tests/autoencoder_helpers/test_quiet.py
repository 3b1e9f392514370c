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
