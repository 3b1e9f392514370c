"""train(): trains like fit, goes on, skips, and survives what may happen to a learner's machine."""

import os
import signal
import subprocess
import sys
import textwrap

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.training import running, store
from autoencoder_helpers.training.running import load_weights, train
from small_trainings import IMAGES, network, run, variational, weights_equal

L = keras.layers


def test_trains_like_fit_and_leaves_one_file(own_folder, capfd):
    model = network()
    before = model.evaluate(IMAGES, IMAGES, verbose=0)
    result = run(model, epochs=3, validation_data=(IMAGES, IMAGES))
    assert result.epochs == result.trained == 3
    assert set(result.history) == {"loss", "val_loss"}
    assert all(len(values) == 3 and type(values[0]) is float for values in result.history.values())
    after = result.history["val_loss"][-1]
    assert model.evaluate(IMAGES, IMAGES, verbose=0) == pytest.approx(after, rel=1e-4)
    assert after < before
    assert [path.name for path in (own_folder / "weights").iterdir()] == ["net.npz"]
    out, err = capfd.readouterr()
    assert err == "", "nbgrader gives no points to a cell that writes on stderr"
    assert "net: 3 epochs" in out and "net.npz" in out


def test_one_epoch_equals_bare_fit_without_shuffling():
    keras.utils.set_random_seed(4)
    ours, plain = network(eagerly=False), network(eagerly=False)
    plain.set_weights(ours.get_weights())
    history = run(ours, epochs=2, shuffle=False).history
    expected = plain.fit(IMAGES, IMAGES, epochs=2, batch_size=16, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for a, b in zip(ours.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_each_epoch_sees_every_image_once_in_a_new_order():
    batches = running._dataset(np.arange(10), np.arange(10), 4, True)
    epochs = [np.concatenate([x for x, _ in batches.as_numpy_iterator()]) for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert list(epochs[0]) != list(epochs[1])
    assert not batches.options().autotune.enabled


def test_targets_other_than_the_images_keep_their_rows():
    for x, y in running._dataset(np.arange(10), -np.arange(10), 3, True).as_numpy_iterator():
        assert np.array_equal(x, -y)


def test_seed_repeats_a_run_and_what_follows_it():
    def once(folder):
        keras.utils.set_random_seed(1)
        model = network()
        history = run(model, seed=7, folder=folder).history
        return history["loss"], model.get_weights()[0], np.random.random(), float(tf.random.uniform(()))

    first, second, loaded = once("a"), once("b"), once("b")
    assert first[0] == second[0] == loaded[0] and np.array_equal(first[1], second[1])
    assert first[2:] == second[2:] == loaded[2:], "whether it ran or was loaded, what follows is the same"


def test_finished_training_is_loaded_not_run(capsys, monkeypatch):
    first = network()
    history = run(first, epochs=2).history
    capsys.readouterr()
    second = network(name="another_name")
    monkeypatch.setattr(second, "fit", lambda *a, **k: pytest.fail("trained again"))
    result = run(second, epochs=2)
    assert result.history == history and result.trained == 0 and result.epochs == 2
    assert weights_equal(first, second)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1 and "already trained" in out


def test_a_longer_stored_training_counts_as_done(capsys):
    run(epochs=3)
    result = run(epochs=2)
    assert result.trained == 0 and result.epochs == 3 and "2 were asked for" in capsys.readouterr().out


def test_more_epochs_go_on_with_the_optimizer_state():
    keras.utils.set_random_seed(2)
    whole, halves = network(), network()
    halves.set_weights(whole.get_weights())
    expected = run(whole, epochs=4, shuffle=False, name="whole").history["loss"]
    run(halves, epochs=2, shuffle=False)
    again = network()
    result = run(again, epochs=4, shuffle=False)
    assert result.trained == 2 and len(result.history["loss"]) == 4
    assert result.history["loss"] == pytest.approx(expected, rel=1e-5), "Adam's moments were restored"


def test_sequential_without_an_input_layer_is_built():
    model = keras.Sequential([L.Dense(3), L.Dense(12, activation="sigmoid")])
    model.compile(loss="mse", optimizer="sgd")
    assert run(model).trained == 2


KILLED = textwrap.dedent("""
    import sys, time
    import autoencoder_helpers
    import numpy as np, tf_keras as keras
    from autoencoder_helpers.training import running
    L = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential([L.Input((12,)), L.Dense(5, activation="relu"), L.Dense(12, "sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01))
    x = np.random.default_rng(0).random((48, 12)).astype("float32")
    if "slow" in sys.argv:
        old = running._Keeper.on_train_batch_end
        def slowly(self, batch, logs=None):
            old(self, batch, logs)
            if self.display.epoch >= 2:
                print("in the middle of epoch 3", flush=True)
                time.sleep(60)
        running._Keeper.on_train_batch_end = slowly
    result = running.train(model, x, epochs=4, batch_size=16, name="net", seed=3)
    print("RESULT", result.epochs, result.trained, int(model.optimizer.iterations), flush=True)
""")


def test_goes_on_after_sigkill_in_mid_epoch(own_folder):
    (own_folder / "run.py").write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "run.py", "slow"], stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        if "in the middle of epoch 3" in line:
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert store.read_facts(own_folder / "weights" / "net.npz")["seed"] == 3
    again = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, env=environment, check=True)
    assert "going on after epoch 2 of 4" in again.stdout
    assert "RESULT 4 2 12" in again.stdout, "4 epochs, 2 of them now, 12 optimizer steps in all"


def test_interruption_keeps_what_is_saved_and_says_how_to_go_on(capsys, monkeypatch):
    def interrupted(self, batch, logs=None):
        if self.display.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running._Keeper, "on_train_batch_end", interrupted)
        with pytest.raises(KeyboardInterrupt) as error:
            run(epochs=3)
        assert error.value.__suppress_context__
    assert "1 of 3 epochs are saved" in capsys.readouterr().out
    assert run(epochs=3).trained == 2


def test_a_loss_that_is_no_number_stops_and_is_not_saved(own_folder, capsys):
    model = network(optimizer=keras.optimizers.SGD(1e30), loss="mse")
    model.layers[-1].layers[-1].activation = keras.activations.linear
    model.compile(loss=lambda x, p: tf.reduce_mean((x - p) ** 2) * tf.constant(float("nan")), optimizer="sgd")
    result = run(model, epochs=5)
    assert result.epochs == 1 and "is nan after epoch 1" in capsys.readouterr().out
    assert not (own_folder / "weights" / "net.npz").exists()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: train(None, IMAGES, epochs=1, batch_size=1, name="a"), "expected a tf_keras model"),
        (lambda: run(keras.Sequential([L.Dense(1)])), "not compiled"),
        (lambda: run(epochs=0), "epochs must be a whole number above 0"),
        (lambda: run(batch_size=2.5), "batch_size must be"),
        (lambda: run(name="../up"), "becomes a file name"),
        (lambda: run(y=IMAGES[:3]), "48 images but 3 targets"),
        (lambda: run(x=np.array(["a"])), "array of numbers"),
        (lambda: run(validation_data=(IMAGES,) * 3), "validation_data"),
        (lambda: run(y=np.arange(48)), "the targets are one number for each image"),
        (lambda: run(y=IMAGES[:, :3]), "the targets are of shape (3,"),
        (lambda: run(x=IMAGES[:, :3]), "x is of shape (3,"),
    ],
)
def test_wrong_arguments_get_one_line(call, said):
    with pytest.raises(CourseError, match=None) as error:
        call()
    assert said in str(error.value) and "\n" not in str(error.value)


def test_variational_autoencoder_saves_goes_on_and_skips():
    first = variational()
    run(first, epochs=1)
    second = variational()
    result = run(second, epochs=2)
    assert result.trained == 1 and result.epochs == 2
    third = variational()
    assert run(third, epochs=2).trained == 0 and weights_equal(second, third)


def test_load_weights_is_all_or_nothing(capfd):
    trained = network()
    run(trained)
    capfd.readouterr()
    uncompiled = keras.Sequential(
        [L.Input((12,)), keras.Sequential([L.Dense(5, "relu"), L.Dense(2)]), keras.Sequential([L.Dense(12, "sigmoid")])]
    )
    assert load_weights(uncompiled, "net") is True and weights_equal(trained, uncompiled)
    other = network(width=6)
    before = [array.copy() for array in other.get_weights()]
    assert load_weights(other, "net") is False and load_weights(other, "absent") is False
    assert load_weights(other, "../net") is False and load_weights(None, "net") is False
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights()))
    assert capfd.readouterr() == ("", "")
