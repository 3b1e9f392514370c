"""What tells one training from another: network, loss, optimizer, data; and the one line that says so."""

import os

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import load_flowers
from autoencoder_helpers.training import fingerprint, store
from small_trainings import IMAGES, network, run, variational

L = keras.layers


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


def test_a_network_that_goes_on_from_an_other_training_is_told_so(capsys):
    """As after the short training the full one is chosen, and only the cells below are run again."""
    model = network(optimizer="adam")
    run(model, epochs=1)
    model.compile("sgd", model.loss)
    capsys.readouterr()
    run(model, epochs=1)
    assert "goes on from what it has learned there" in capsys.readouterr().out
    run(network(optimizer="rmsprop"), epochs=1)
    line = capsys.readouterr().out
    assert "training anew" in line and "goes on" not in line


def test_who_goes_back_to_an_interrupted_training_loses_no_epoch_of_it(capsys):
    def go(optimizer, epochs):
        model = network(optimizer=optimizer)
        return run(model, epochs=epochs), model

    go("adam", 3)
    left = open("weights/net.npz", "rb").read()
    go("sgd", 1)
    capsys.readouterr()
    (back, model) = go("adam", 3)
    assert back.trained == 0 and back.epochs == 3
    assert "they have changed names" in capsys.readouterr().out
    assert open("weights/net.npz", "rb").read() == left
    assert go("adam", 4)[0].trained == 1 and go("sgd", 1)[0].trained == 0
    assert sorted(os.listdir("weights")) == ["net.npz", "net.old.npz"]


def test_an_old_file_that_cannot_be_moved_costs_the_present_one_nothing(monkeypatch):
    run(network(optimizer="adam"), epochs=1)
    run(network(optimizer="sgd"), epochs=1)
    path = store.path_of("net", "weights")
    there, moved = path.read_bytes(), store.move

    def move(source, target):
        if source == store.old_of(path):
            raise PermissionError(13, "in use")
        return moved(source, target)

    monkeypatch.setattr(store, "move", move)
    assert store.change_places_with_old(path) is False
    assert path.read_bytes() == there


def test_an_old_file_that_is_damaged_or_another_ones_is_no_training_to_go_back_to(capsys):
    run(network(optimizer="adam"), epochs=1)
    run(network(optimizer="sgd"), epochs=1)
    with open("weights/net.old.npz", "wb") as file:
        file.write(b"PK no archive")
    capsys.readouterr()
    assert run(network(optimizer="adam"), epochs=1).trained == 1
    assert "training anew" in capsys.readouterr().out
    assert run(network(optimizer="rmsprop"), epochs=1).trained == 1


def test_a_pixel_drawn_a_grey_level_brighter_on_another_processor_is_the_same_image():
    """Seen with chapter 4's weights: one pixel of 120 test flowers, and grading trained anew."""

    def facts(images):
        return fingerprint.describe(network(), images, images, (images, images), batch_size=10, seed=1, shuffle=True)

    flowers = load_flowers("synthetic", count=60, seed=1).x_train.astype(np.float32) / 255
    elsewhere, others = flowers.copy(), flowers[::-1]
    elsewhere[7, 0, 0, 0] += np.float32(1 / 255)
    assert fingerprint.difference(facts(flowers), facts(elsewhere)) is None
    on_others = {**facts(flowers), "validation": facts(others)["validation"]}
    assert fingerprint.difference(facts(flowers), on_others) == "was trained without this validation_data"
    assert "other images" in fingerprint.difference(facts(flowers), facts(others))


def test_less_validation_than_stored_is_no_reason_to_train():
    run(validation_data=IMAGES)
    assert run().trained == 0


def test_a_likelihood_loss_is_told_apart_by_its_code(capsys):
    def model(times):
        net = keras.Sequential([L.Input((12,)), L.Dense(24), tfp.layers.IndependentNormal(12)])
        net.compile(loss=lambda x, q: -times * q.log_prob(x), optimizer="adam")
        return net

    run(model(1.0), epochs=1)
    assert run(model(1.0), epochs=1).trained == 0
    assert run(model(2.0), epochs=1).trained == 1


def test_same_compares_numbers_with_a_tolerance_and_the_rest_exactly():
    assert fingerprint.same({"a": [1.0, "x", None]}, {"a": [1.00001, "x", None]})
    assert not fingerprint.same({"a": 1.0}, {"a": 1.01})
    assert not fingerprint.same([True], [1]) and not fingerprint.same([1], [1, 2])
