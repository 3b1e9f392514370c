"""`conv.decode_point`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras


def decoded(point, decoder, codes):
    return decoder.predict(np.array([point], "float32"), verbose=0)[0, ..., 0]


def distances(point, codes):
    return np.linalg.norm(codes - np.asarray(point), axis=1)


def in_place(codes, point):
    codes -= np.array(point, "float32")
    return codes


def test_decode_point(points):
    def as_tensors(point, decoder, codes):
        z = tf.constant([point], tf.float32)
        return tf.squeeze(decoder(z)), tf.reduce_min(tf.norm(codes - z, axis=1))

    def changed_and_changed_back(point, decoder, codes):
        codes -= np.array(point, "float32")
        distance = np.linalg.norm(codes, axis=1).min()
        codes += np.array(point, "float32")
        return decoded(point, decoder, codes), distance

    for right in (
        lambda p, d, c: (decoded(p, d, c), distances(p, c).min()),
        lambda p, d, c: [decoded(p, d, c)[..., None], [distances(p, c).min()]],
        lambda p, d, c: (decoded(p, d, c).astype("float16"), distances(p, c.astype("float64")).min()),
        as_tensors,
        changed_and_changed_back,
    ):
        assert points("conv.decode_point", right) == 2


@pytest.mark.parametrize(
    ("image", "mistake"),
    [
        (lambda p, d, c: d.predict(np.array([p]), verbose=0), "still-a-batch"),
        (lambda p, d, c: decoded(p, d, c).ravel(), "wrong-image-shape"),
        (lambda p, d, c: decoded(p[::-1], d, c), "swapped-coordinates"),
        (lambda p, d, c: decoded(p, keras.models.clone_model(d), c), "wrong-image"),
        (lambda p, d, c: decoded((10, 10), d, c), "wrong-image"),
        (lambda p, d, c: 255 * decoded(p, d, c), "rescaled"),
        (lambda p, d, c: decoded(p, d, c).T, "transposed"),
        (lambda p, d, c: decoded(p, d, c) > 0.5, "no-greys"),
        (lambda p, d, c: 1 - decoded(p, d, c), "inverted"),
        (lambda p, d, c: decoded(p, d, c) / decoded(p, d, c).max(), "stretched"),
        (lambda p, d, c: (decoded(p, d, c) - decoded(p, d, c).min()) / np.ptp(decoded(p, d, c)), "stretched"),
    ],
)
def test_mistakes_in_the_image_of_decode_point(expect_mistake, image, mistake):
    expect_mistake(
        "conv.decode_point", lambda p, d, c: (image(p, d, c), distances(p, c).min()), mistake=mistake, kept=1
    )


@pytest.mark.parametrize(
    ("distance", "mistake"),
    [
        (lambda p, c: np.linalg.norm(c.mean(0) - p), "distance-to-mean"),
        (lambda p, c: distances(p, c).min() ** 2, "squared-distance"),
        (lambda p, c: distances(p, c).mean(), "mean-distance"),
        (lambda p, c: distances(p, c).max(), "farthest"),
        (lambda p, c: np.abs(c - p).sum(1).min(), "city-block"),
        (lambda p, c: np.abs(c - p).max(1).min(), "not-euclidean"),
        (lambda p, c: np.linalg.norm(c - p), "no-axis"),
        (lambda p, c: distances(p, c).argmin(), "index"),
        (lambda p, c: distances(p[::-1], c).min(), "swapped-coordinates"),
        (lambda p, c: distances(p, c), "not-reduced"),
        (lambda p, c: c - p, "not-a-number"),
        (lambda p, c: np.linalg.norm(in_place(c, p), axis=1).min(), "changes-its-input"),
        (lambda p, c: np.linalg.norm(in_place(c, p) - np.array(p), axis=1).min(), "changes-its-input"),
        (lambda p, c: 1.0, "wrong-distance"),
        (lambda p, c: np.nan, "not-finite"),
    ],
)
def test_mistakes_in_the_distance_of_decode_point(expect_mistake, distance, mistake):
    expect_mistake("conv.decode_point", lambda p, d, c: (decoded(p, d, c), distance(p, c)), mistake=mistake, kept=1)


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (lambda p, d, c: (d.predict(np.array(p, "float32"), verbose=0), 1.0), "no-batch-axis"),
        (lambda p, d, c: (d(tf.constant(p)), 1.0), "no-batch-axis"),
        (lambda p, d, c: (d(p[np.newaxis]), 1.0), "point-as-array"),
        (lambda p, d, c: (d(p.reshape(1, 2)), 1.0), "point-as-array"),
        (lambda p, d, c: (distances(p, c).min(), decoded(p, d, c)), "swapped-results"),
        (lambda p, d, c: decoded(p, d, c), "not-a-pair"),
        (lambda p, d, c: None, "no-return"),
        (lambda p, d, c: (None, 1.0), "missing"),
        (lambda p: p, "raises"),
        (lambda p, d, c: 1 / 0, "raises"),
    ],
)
def test_a_decode_point_that_returns_something_else_gets_nothing(expect_mistake, function, mistake):
    expect_mistake("conv.decode_point", function, mistake=mistake)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_a_notebook_in_another_precision_gets_all_points(points, policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        assert points("conv.decode_point", lambda p, d, c: (decoded(p, d, c), distances(p, c).min())) == 2
    finally:
        keras.mixed_precision.set_global_policy("float32")
