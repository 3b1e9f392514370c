"""train(): saves, goes on, skips, refuses, and survives what may happen to a learner's machine."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.training import (
    fingerprint as training_fingerprint,
)
from autoencoder_helpers.training import (
    progress as training_progress,
)
from autoencoder_helpers.training import (
    running as training,
)
from autoencoder_helpers.training import (
    store as training_store,
)
from autoencoder_helpers.training.running import choose_epochs, load_weights, train

L = keras.layers
IMAGES = np.random.default_rng(0).random((48, 12)).astype(np.float32)


def network(width=5, activation="relu", loss="binary_crossentropy", optimizer=None, name=None, eagerly=True):
    encoder = keras.Sequential([L.Input((12,)), L.Dense(width, activation=activation), L.Dense(2)], name=name)
    decoder = keras.Sequential([L.Input((2,)), L.Dense(12, activation="sigmoid")])
    model = keras.Sequential([L.Input((12,)), encoder, decoder])
    # Eagerly, because tracing a graph costs more than these trainings; some tests below do without.
    model.compile(loss=loss, optimizer=optimizer or keras.optimizers.Adam(0.01), run_eagerly=eagerly)
    return model


def variational(weight=0.5, scale=1.0, exact=True):
    prior = tfp.distributions.Independent(tfp.distributions.Normal(tf.zeros(2), scale), 1)
    model = keras.Sequential(
        [
            L.Input((12,)),
            L.Dense(4),
            tfp.layers.IndependentNormal(
                2, activity_regularizer=tfp.layers.KLDivergenceRegularizer(prior, use_exact_kl=exact, weight=weight)
            ),
            L.Dense(12, activation="sigmoid"),
        ]
    )
    model.compile(loss=lambda x, p: 12 * keras.losses.binary_crossentropy(x, p), optimizer="adamax", run_eagerly=True)
    return model


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(model=None, epochs=2, **options):
    options = {"x": IMAGES, "batch_size": 16, "name": "net", **options}
    return train(model or network(), options.pop("x"), epochs=epochs, **options)


def weights_equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


# ------------------------------------------------------------------------------------- the plain way


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
    batches = training._dataset(np.arange(10), np.arange(10), 4, True)
    epochs = [np.concatenate([x for x, _ in batches.as_numpy_iterator()]) for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert list(epochs[0]) != list(epochs[1])
    assert not batches.options().autotune.enabled


def test_targets_other_than_the_images_keep_their_rows():
    for x, y in training._dataset(np.arange(10), -np.arange(10), 3, True).as_numpy_iterator():
        assert np.array_equal(x, -y)


def test_the_file_is_plain_arrays_and_holds_state_and_history(own_folder):
    model = network()
    run(model, epochs=2)
    with np.load("weights/net.npz", allow_pickle=False) as file:
        assert file["history_loss"].shape == (2,)
        assert json.loads(str(file["facts"]))["batch_size"] == 16
        weights = [file[key] for key in sorted(file.files) if key.startswith("weight_")]
        state = [file[key] for key in sorted(file.files) if key.startswith("optimizer_")]
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    counters = [int(array) for array in state if array.shape == () and array.dtype.kind == "i"]
    assert 6 in counters, "the optimizer's step counter: 2 epochs of 3 batches"


def test_seed_repeats_a_run_and_what_follows_it():
    def once(folder):
        keras.utils.set_random_seed(1)
        model = network()
        history = run(model, seed=7, folder=folder).history
        return history["loss"], model.get_weights()[0], np.random.random(), float(tf.random.uniform(()))

    first, second, loaded = once("a"), once("b"), once("b")
    assert first[0] == second[0] == loaded[0] and np.array_equal(first[1], second[1])
    assert first[2:] == second[2:] == loaded[2:], "whether it ran or was loaded, what follows is the same"


# ------------------------------------------------------------------------------------ go on and skip


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


def test_float64_images_and_another_way_to_write_the_same_network_match():
    run()
    functional_input = keras.Input((12,))
    x = L.Dense(5, "relu")(functional_input)
    encoder = keras.Model(functional_input, L.Dense(2)(x))
    code = keras.Input((2,))
    decoder = keras.Model(code, L.Dense(12, activation="sigmoid")(code))
    model = keras.Model(functional_input, decoder(encoder(functional_input)))
    model.compile(loss=lambda a, b: keras.losses.binary_crossentropy(a, b), optimizer=keras.optimizers.Adam(0.01))
    assert run(model, x=IMAGES.astype(np.float64)).trained == 0


def test_sequential_without_an_input_layer_is_built():
    model = keras.Sequential([L.Dense(3), L.Dense(12, activation="sigmoid")])
    model.compile(loss="mse", optimizer="sgd")
    assert run(model).trained == 2


KILLED = textwrap.dedent("""
    import sys, time
    import autoencoder_helpers
    import numpy as np, tf_keras as keras
    from autoencoder_helpers.training.running import train
    L = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential([L.Input((12,)), L.Dense(5, activation="relu"), L.Dense(12, "sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01))
    x = np.random.default_rng(0).random((48, 12)).astype("float32")
    if "slow" in sys.argv:
        from autoencoder_helpers.training import running as training
        old = training._Keeper.on_train_batch_end
        def slowly(self, batch, logs=None):
            old(self, batch, logs)
            if self.display.epoch >= 2:
                print("in the middle of epoch 3", flush=True)
                time.sleep(60)
        training._Keeper.on_train_batch_end = slowly
    result = train(model, x, epochs=4, batch_size=16, name="net", seed=3)
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
    assert training_store.read_facts(own_folder / "weights" / "net.npz")["seed"] == 3
    again = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, env=environment, check=True)
    assert "going on after epoch 2 of 4" in again.stdout
    assert "RESULT 4 2 12" in again.stdout, "4 epochs, 2 of them now, 12 optimizer steps in all"


def test_killed_while_writing_leaves_the_old_file(monkeypatch):
    run(epochs=1)
    before = open("weights/net.npz", "rb").read()
    monkeypatch.setattr(training_store.os, "replace", lambda *a: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        run(epochs=2)
    assert open("weights/net.npz", "rb").read() == before
    assert os.listdir("weights") == ["net.npz"]


def test_interruption_keeps_what_is_saved_and_says_how_to_go_on(capsys, monkeypatch):
    def interrupted(self, batch, logs=None):
        if self.display.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Keeper, "on_train_batch_end", interrupted)
        with pytest.raises(KeyboardInterrupt) as error:
            run(epochs=3)
        assert error.value.__suppress_context__
    assert "1 of 3 epochs are saved" in capsys.readouterr().out
    assert run(epochs=3).trained == 2


# -------------------------------------------------------------------------------------------- refuse


def mended(x, p):
    return 12 * keras.losses.binary_crossentropy(x, p)


def closing_over(weight):
    def loss(x, p):
        return weight * keras.losses.binary_crossentropy(x, p)

    return loss


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        (
            {"model": lambda: network(5, name="encoder")},
            {"model": lambda: network(7, name="encoder")},
            "another network (encoder layer 1: 5 units there, 7 here)",
        ),
        (
            {"model": lambda: network(5)},
            {"model": lambda: network(5, "tanh")},
            "part 1 layer 1: activation relu there, tanh",
        ),
        (
            {"model": lambda: network(loss=closing_over(1.0))},
            {"model": lambda: network(loss=closing_over(12.0))},
            "another loss (",
        ),
        (
            {"model": lambda: network(loss="binary_crossentropy")},
            {"model": lambda: network(loss=mended)},
            "binary_crossentropy there, mended here",
        ),
        (
            {"model": lambda: network(optimizer="adam")},
            {"model": lambda: network(optimizer="sgd")},
            "another optimizer (Adam there, SGD here)",
        ),
        (
            {"model": lambda: network()},
            {"model": lambda: network(optimizer=keras.optimizers.Adam(0.02))},
            "learning_rate 0.01 there, 0.02 here",
        ),
        ({}, {"x": IMAGES[:40]}, "other images (shape (48, 12) there, (40, 12) here)"),
        ({}, {"x": IMAGES[::-1]}, "other images (same shape, other values)"),
        ({}, {"y": 1 - IMAGES}, "other targets"),
        ({}, {"batch_size": 8}, "another batch_size (16 there, 8 here)"),
        ({"seed": 1}, {"seed": 2}, "another seed (1 there, 2 here)"),
        ({}, {"validation_data": IMAGES}, "without this validation_data"),
        ({"model": lambda: variational()}, {"model": lambda: variational(weight=1.0)}, "weight 0.5 there, 1 here"),
        ({"model": lambda: variational()}, {"model": lambda: variational(scale=2.0)}, "another prior"),
        ({"model": lambda: variational()}, {"model": lambda: variational(exact=False)}, "exact True there, False here"),
    ],
)
def test_another_training_is_refused_in_one_line_and_kept(there, here, said, capsys):
    def go(options):
        options = dict(options)
        return run(options.pop("model", network)(), epochs=1, **options)

    go(there)
    old = open("weights/net.npz", "rb").read()
    capsys.readouterr()
    assert go(here).trained == 1
    refusal = [line for line in capsys.readouterr().out.splitlines() if "training anew" in line]
    assert len(refusal) == 1 and said in refusal[0] and "net.old.npz" in refusal[0], refusal
    assert open("weights/net.old.npz", "rb").read() == old
    assert go(here).trained == 0, "and the new training is a match for itself"


def test_less_validation_than_stored_is_no_reason_to_train():
    run(validation_data=IMAGES)
    assert run().trained == 0


def rewrite(**changes):
    """The stored file with some arrays replaced (None: left out)."""
    with np.load("weights/net.npz") as file:
        arrays = {**{key: file[key] for key in file.files}, **changes}
    np.savez("weights/net.npz", **{key: value for key, value in arrays.items() if value is not None})


DAMAGES = {
    "truncated": lambda: os.truncate("weights/net.npz", 700),
    "empty": lambda: os.truncate("weights/net.npz", 0),
    "text": lambda: open("weights/net.npz", "w").write("not a zip"),
    "pickled": lambda: rewrite(weight_000=np.array([{"a": 1}], dtype=object)),
    "pickled facts": lambda: rewrite(facts=np.array([{"a": 1}], dtype=object)),
    "wrong dtype": lambda: rewrite(weight_000=np.zeros((12, 5))),
    "wrong shape": lambda: rewrite(weight_000=np.zeros((5, 12), np.float32)),
    "nan": lambda: rewrite(weight_000=np.full((12, 5), np.nan, np.float32)),
    "optimizer nan": lambda: rewrite(optimizer_002=np.full((12, 5), np.inf, np.float32)),
    "missing weight": lambda: rewrite(weight_001=None),
    "missing facts": lambda: rewrite(facts=None),
    "no json": lambda: rewrite(facts=np.array("{")),
    "facts half": lambda: rewrite(facts=np.array('{"format": 1, "architecture": [[]]}')),
    "facts of another kind": lambda: rewrite(facts=np.array("[1, 2]")),
    "history missing": lambda: rewrite(history_loss=None),
    "history of text": lambda: rewrite(history_loss=np.array(["a", "b"])),
    "larger than announced": lambda: rewrite(weight_000=np.zeros((12, 5000), np.float32)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_gets_one_line_and_a_new_training(damage, capsys):
    run()
    damage()
    assert load_weights(network(), "net") in (True, False)
    capsys.readouterr()
    assert run().trained == 2
    said = [line for line in capsys.readouterr().out.splitlines() if "training anew" in line]
    assert len(said) == 1 and "damaged" in said[0]
    assert run().trained == 0


def test_flipped_bytes_never_raise():
    run(epochs=1)
    whole = open("weights/net.npz", "rb").read()
    model = network()
    optimizer = training._optimizer_variables(model)
    rng, failures = np.random.default_rng(1), 0
    for _ in range(200):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            broken[place] ^= int(rng.integers(1, 256))
        open("weights/net.npz", "wb").write(broken)
        try:
            training_store.read(training_store.path_of("net", "weights"), model.weights, optimizer)
        except training_store.Damaged:
            failures += 1
    assert failures > 100, "the zip's checksums see most flips"


def test_file_of_code_runs_nothing(own_folder):
    run(epochs=1)

    class Bomb:
        def __reduce__(self):
            return os.mkdir, ("exploded",)

    rewrite(weight_000=np.array([Bomb()], dtype=object))
    assert run(epochs=1).trained == 1 and not load_weights(network(width=9), "net")
    assert not (own_folder / "exploded").exists()


# --------------------------------------------------------------------------------------- misfortunes


def test_folder_that_cannot_be_written_costs_a_line_not_the_training(own_folder, capfd):
    (own_folder / "weights").write_text("a file where the folder should be")
    result = run()
    assert result.trained == 2 and result.path is None
    out, err = capfd.readouterr()
    assert err == ""
    assert len([line for line in out.splitlines() if "cannot be written" in line]) == 1 and "not saved" in out


def test_disk_that_fills_up_keeps_the_last_whole_epoch(monkeypatch, capsys):
    real, calls = training_store.np.savez, []

    def full(*args, **kwargs):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(training_store.np, "savez", full)
        assert run(epochs=3).epochs == 3
    assert "No space left on device" in capsys.readouterr().out and len(calls) == 2
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
    ],
)
def test_wrong_arguments_get_one_line(call, said):
    with pytest.raises(CourseError, match=None) as error:
        call()
    assert said in str(error.value) and "\n" not in str(error.value)


# ----------------------------------------------------------------------------------------------- VAE


def test_variational_autoencoder_saves_goes_on_and_skips():
    first = variational()
    run(first, epochs=1)
    second = variational()
    result = run(second, epochs=2)
    assert result.trained == 1 and result.epochs == 2
    third = variational()
    assert run(third, epochs=2).trained == 0 and weights_equal(second, third)


def test_a_likelihood_loss_is_told_apart_by_its_code(capsys):
    def model(times):
        net = keras.Sequential([L.Input((12,)), L.Dense(24), tfp.layers.IndependentNormal(12)])
        net.compile(loss=lambda x, q: -times * q.log_prob(x), optimizer="adam")
        return net

    run(model(1.0), epochs=1)
    assert run(model(1.0), epochs=1).trained == 0
    assert run(model(2.0), epochs=1).trained == 1


# -------------------------------------------------------------------------------------- load_weights


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


def test_choose_epochs(monkeypatch):
    monkeypatch.delenv("AUTOENCODER_EPOCHS", raising=False)
    assert choose_epochs(default=2, full=20) == 2
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    assert choose_epochs(default=2, full=20) == 20
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "ful")
    with pytest.raises(CourseError, match="'ful'"):
        choose_epochs(default=2, full=20)


# ------------------------------------------------------------------------------------------- display


@pytest.fixture
def notebook(monkeypatch):
    """Pretend to be in a kernel and collect what is displayed."""
    import IPython.display

    shown = SimpleNamespace(outputs=[], updates=[])

    def display(bundle, raw, display_id=None):
        shown.outputs.append(bundle)
        return SimpleNamespace(update=lambda new, raw: (shown.updates.append(new), shown.outputs.__setitem__(-1, new)))

    monkeypatch.setattr(training_progress, "_in_kernel", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def test_notebook_shows_a_bar_and_ends_with_one_line_and_one_picture(notebook, monkeypatch, capfd):
    monkeypatch.setattr(training_progress, "TEXT_EVERY", 0)
    monkeypatch.setattr(training_progress, "PICTURE_EVERY", 0)
    run(epochs=3)
    assert len(notebook.outputs) == 1, "one output, redrawn in place"
    middle = notebook.updates[len(notebook.updates) // 2]["text/html"]
    assert "<progress" in middle and "epoch 2 of 3" in middle and "loss 0." in middle and "<img" in middle
    last = notebook.outputs[0]
    assert "<progress" not in last["text/html"] and last["text/html"].count("<img") == 1
    assert 'alt="Loss by epoch: ' in last["text/html"] and last["text/plain"].startswith("net: 3 epochs")
    run(epochs=3)
    assert len(notebook.outputs) == 2 and "already trained" in notebook.outputs[1]["text/plain"]
    assert "<img" in notebook.outputs[1]["text/html"]
    assert capfd.readouterr() == ("", "")


def test_notebook_text_is_not_redrawn_for_every_batch(notebook, monkeypatch):
    monkeypatch.setattr(training_progress, "TEXT_EVERY", 1000)
    run(epochs=2, batch_size=4)
    assert len(notebook.updates) == 2, "after the first batch, and at the end"


def test_terminal_uses_tqdm_on_stdout(capfd, monkeypatch):
    monkeypatch.setattr(training_progress.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(training_progress, "TEXT_EVERY", 0)
    run(epochs=2)
    out, err = capfd.readouterr()
    assert err == "" and "epoch 2/2, loss" in out and "batch/s" in out
    assert out.rstrip().splitlines()[-1].endswith("net.npz.")


def test_time_left_counts_what_remains(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(training_progress.time, "monotonic", lambda: now[0])
    bar = training_progress._Lines("net", 1, 3, "")
    bar.begin(10, {})
    bar.epoch, bar.step = 1, 1
    bar.tick()
    assert bar.time_left() is None
    now[0], bar.step = 105.0, 6
    assert bar.time_left() == pytest.approx(14.0), "5 batches in 5 s, 14 remain of the 2 epochs"


@pytest.mark.parametrize(("seconds", "text"), [(8.4, "8 s"), (125, "2 min 05 s"), (4200, "1 h 10 min")])
def test_duration(seconds, text):
    assert training_progress.duration(seconds) == text


def test_same_compares_numbers_with_a_tolerance_and_the_rest_exactly():
    assert training_fingerprint.same({"a": [1.0, "x", None]}, {"a": [1.00001, "x", None]})
    assert not training_fingerprint.same({"a": 1.0}, {"a": 1.01})
    assert not training_fingerprint.same([True], [1]) and not training_fingerprint.same([1], [1, 2])


def test_no_line_joins_the_running_means_of_two_epochs():
    running = [(0.5, 0.9), (1.0, 0.8), (1.25, 0.4), (1.5, 0.3), (2.0, 0.2)]
    assert training_progress._of_the_present_epoch(running) == running[2:]
    assert training_progress._of_the_present_epoch([]) == []
