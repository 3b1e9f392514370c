"""`dense.trained`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tf_keras as keras
from autoencoder_helpers import check, train
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.checks.expectations import expect_other_images
from autoencoder_helpers.checks.rule import Steps
from autoencoder_helpers.evidence.training_records import (
    another_was_trained,
    as_data,
    from_data,
    probed_rows,
    record_of,
    remember,
    sums_of,
)


def test_trained(points, mistakes, make, mnist):
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    e, d = make.encoder(), make.decoder()
    model = make.joined(e, d)
    assert mistakes("dense.trained", model)[0] == "not-compiled"
    model.compile(keras.optimizers.Adamax(0.01), "mse")
    assert mistakes("dense.trained", model) == ["wrong-loss", "untrained"]
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy())
    assert mistakes("dense.trained", model) == ["untrained"]
    model.fit(x_train, x_train, batch_size=128, epochs=2, verbose=0)
    assert points("dense.trained", model) == 1
    d.layers[0].set_weights([np.zeros((2, 20)), np.zeros(20)])
    assert mistakes("dense.trained", model) == ["mean-image"]


def test_a_loss_in_a_list_or_a_dict_is_the_loss(mistakes, make):
    model = make.joined(make.encoder(), make.decoder())
    name = model.output_names[0]
    for loss in (["binary_crossentropy"], {name: "binary_crossentropy"}, {name: keras.losses.BinaryCrossentropy()}):
        model.compile("adam", loss)
        assert mistakes("dense.trained", model) == ["untrained"]
    model.compile("adam", {name: "mse"})
    assert mistakes("dense.trained", model) == ["wrong-loss", "untrained"]


def test_a_network_of_logits_is_trained_as_well(points, mistakes, make, mnist):
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    model = make.joined(make.encoder(), make.decoder(None))
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    assert mistakes("dense.trained", model) == ["untrained"]
    model.fit(x_train, x_train, batch_size=128, epochs=2, verbose=0)
    assert points("dense.trained", model) == 1
    model.compile("adam", "binary_crossentropy")
    assert points("dense.trained", model) == 1


def test_a_network_that_gives_no_images_is_named(make):
    for model in (make.encoder(), make.dense(784, 3)):
        model.compile("adam", "binary_crossentropy")
        result = check("dense.trained", model)
        assert result.points == 0.5 and len(result.failures) == 1, str(result)


def test_a_training_that_earlier_mistakes_spoiled_counts_as_one(under, make, mnist):
    x_train, _ = mnist
    for last in (None, "relu", "softmax"):
        keras.utils.set_random_seed(5)
        model = make.joined(make.encoder(), make.decoder(last))
        model.compile(keras.optimizers.Adamax(0.01), "binary_crossentropy")
        assert under({"dense.decoder"}, "dense.trained", model) == 0.5, last
        model.fit(x_train[:20_000], x_train[:20_000], batch_size=128, epochs=1, verbose=0)
        assert under({"dense.decoder"}, "dense.trained", model) == 1, last
        assert under({"dense.pca"}, "dense.trained", model) == 0.5, last


def test_test_images_in_the_place_of_training_images_are_seen_in_the_record(make, mnist):
    x_train, x_test = mnist
    model = make.joined(make.encoder(), make.decoder())

    def found(*parts):
        x = np.concatenate(parts)
        remember(model, len(x), sums_of(x[probed_rows(len(x))]))
        step = Steps(PublicData(), np.random.default_rng(1))
        with step("what it was trained on", stop=False):
            expect_other_images(step, model, step.data.mnist_images)
        return step.mistake

    assert found(x_test) == found(x_test[:3000]) == found(x_train, x_test) == "trained-on-test-images"
    assert found(x_train) == found(x_train[:2000]) == found(x_train[:10_000]) == found(1 - x_train[:500]) == ""
    assert found(x_test[::-1][:100]) == ""  # in another order: nothing is claimed that cannot be seen


def test_a_training_keeps_what_it_was_given(make, mnist, tmp_path):
    x_train, x_test = mnist
    model = make.joined(make.encoder(), make.decoder())
    model.compile("sgd", "binary_crossentropy")
    assert record_of(model) is None
    for x in (x_train[:300], x_test[:300]):
        train(model, x, epochs=1, batch_size=300, name="kept", folder=tmp_path)
        assert np.allclose(record_of(model).sums, sums_of(x[probed_rows(300)]), atol=1e-3)
    assert [step.mistake for step in check("dense.trained", model).failures] == ["trained-on-test-images"]
    from_data(model, [3, [1.0, 2.0, 10**400]])  # larger than any float
    assert record_of(model) is None
    from_data(model, [300, ["no number"]])
    assert record_of(model) is None


def test_a_network_that_was_built_again_after_its_training_is_told_so(make):
    def compiled_twice(width=100):
        model = make.joined(make.encoder(), make.decoder()) if width == 100 else small_network(width)
        for _ in range(2):
            model.compile("adamax", "binary_crossentropy")
        return model

    trained, again, other = compiled_twice(), compiled_twice(), compiled_twice(7)
    assert [step.mistake for step in check("dense.trained", again).failures] == ["untrained"]
    remember(trained, 3, [1.0, 2.0, 3.0])
    (step,) = check("dense.trained", again).failures
    assert step.mistake == "built-again" and "built again" in step.look and "loaded" in step.look
    assert [step.mistake for step in check("dense.trained", trained).failures] == ["untrained"]  # whatever was said
    assert not another_was_trained(other) and as_data(other) is None
    rebuilt = small_network(7)
    from_data(rebuilt, as_data(again))  # as it goes to the process that scores
    assert another_was_trained(rebuilt) and record_of(rebuilt) is None


def small_network(width):
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(width), keras.layers.Dense(784, "sigmoid")])
