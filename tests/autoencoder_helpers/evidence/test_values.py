"""Values as data: what a function is called with and returns, on the other side of the mailbox."""

import json
import math

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras that is loaded)
import numpy as np
import pytest
from autoencoder_helpers.evidence import values
from autoencoder_helpers.evidence.messages import DTYPES, BadMessage, pack, unpack
from autoencoder_helpers.evidence.values import Opaque, Recorder, decode, encode


def crossed(value, **settings):
    """The value after the whole way: encoded, packed, unpacked, decoded."""
    arrays = []
    tree = encode(value, arrays, **settings)
    return decode(*unpack(pack(tree, arrays)))


class Raises:
    """An object that raises whatever it is asked."""

    def __getattribute__(self, name):
        raise RuntimeError("leave me alone")

    def __array__(self, *_, **__):
        raise SystemExit

    def __len__(self):
        raise RuntimeError

    def __str__(self):
        raise RuntimeError

    __repr__ = __iter__ = __bool__ = __str__


class RaisingDict(dict):
    """A dictionary whose items cannot be had."""

    def items(self):
        raise KeyError("no items today")


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -7, 2**62, 1.5, -0.0, 1e300, "", "ü\n", [], (), {}, [1, "a", None],
        (1, (2, [3])), {"a": 1, "b": {"c": [True]}}, [[1, 2], [3]],
    ],
)  # fmt: skip
def test_plain_values_come_out_as_they_went_in(value):
    found = crossed(value)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_cross(value):
    found = crossed([value])[0]
    assert type(found) is float and (found == value or (math.isnan(found) and math.isnan(value)))
    json.dumps(encode(value, []), allow_nan=False)  # for readers that know no NaN


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_arrays_cross_with_dtype_and_shape(dtype):
    for array in (np.ones((2, 3), dtype), np.zeros((0, 2), dtype), np.ones((), dtype)):
        found = crossed({"x": (array, "and text")})["x"][0]
        assert isinstance(found, np.ndarray) and (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)


def test_numpys_own_numbers_become_arrays_without_axes():
    found = crossed((np.float32(1.5), np.int64(3), np.bool_(True)))
    assert [part.shape for part in found] == [()] * 3
    assert [part.item() for part in found] == [1.5, 3, True]


def test_a_foreign_byte_order_and_a_long_double_become_usual_numbers():
    found = crossed((np.arange(3, dtype=">f4"), np.ones(2, np.longdouble) / 3))
    assert found[0].dtype == np.float32 and found[0].tolist() == [0, 1, 2]
    assert found[1].dtype == np.float64 and found[1].tolist() == [1 / 3, 1 / 3]


def test_what_crossed_may_be_changed_in_place():
    found = crossed(np.zeros(3))
    found += 1
    assert found.tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", [list, tuple])
def test_an_image_as_nested_lists_is_one_part_and_still_nested_lists(kind):
    image = kind([[float(x * y) for x in range(80)] for y in range(80)])
    scalars = kind([kind(np.float32(value) for value in row) for row in image])
    for value in (image, scalars):
        arrays = []
        tree = encode(value, arrays)
        assert len(arrays) == 1 and len(json.dumps(tree)) < 100
        found = decode(tree, arrays)
        assert type(found) is kind and found == kind(list(row) for row in image)


def test_a_long_list_of_other_things_stays_a_list():
    for value in (["a"] * 20, [1, None, "x"] * 10, [[1] * i for i in range(1, 12)], [True] * 9, [1] * 12):
        assert crossed(value) == value


def test_a_dictionary_with_other_keys_has_their_text():
    assert crossed({1: "a", (2, 3): "b"}) == {"1": "a", "(2, 3)": "b"}


@pytest.mark.parametrize(
    "value", [2**70, 1j, b"bytes", {1, 2}, object(), int, lambda: 1, np.array(["a"]), np.array([{}])]
)
def test_any_other_object_is_said_in_a_few_words(value):
    found = crossed([value], describe=lambda value: f"a {type(value).__name__}")[0]
    assert isinstance(found, Opaque) and found.description == f"a {type(value).__name__}"


@pytest.mark.parametrize(
    "make",
    [
        Raises,
        lambda: RaisingDict(a=1),
        lambda: [Raises()] * 2,
        lambda: {"a": [Raises(), 1]},
        lambda: {Raises(): 1},
    ],
    ids=["object", "dictionary", "in a list", "in a dictionary", "as a key"],
)
def test_an_object_that_raises_is_opaque_and_takes_nothing_with_it(make):
    first, between, last = crossed([np.ones(2), make(), np.zeros(3)])
    assert first.tolist() == [1, 1] and last.tolist() == [0, 0, 0]
    assert _has_opaque(between)


def test_of_what_could_not_be_encoded_no_array_is_left():
    arrays = []
    assert "opaque" in encode({"a": np.ones(2), Raises(): 1}, arrays)
    assert arrays == []


def _has_opaque(value):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, Opaque) or any(_has_opaque(part) for part in parts)


def test_what_is_nested_without_end_ends():
    endless = []
    endless.append(endless)
    found = crossed(endless)
    for _ in range(values._DEEPEST):
        (found,) = found
    assert isinstance(found[0], Opaque)


def test_long_texts_are_cut():
    assert len(crossed("x" * 10**6)) == 1000
    assert len(crossed(object(), describe=lambda _: "x" * 10**6).description) == 1000


def test_a_recorder_crosses_and_remembers_what_it_was_asked():
    found = crossed(Recorder((28, 28, 1)))
    assert found(np.zeros((1, 2))).shape == (1, 28, 28, 1)
    assert found.shape == (1, 2)


@pytest.mark.parametrize(
    "tree",
    [
        {}, [1], {"array": 2}, {"array": -1}, {"array": True}, {"array": "0"}, {"array": None}, {"tensor": 5},
        {"list": 9}, {"list": 1}, {"tuple": {}}, {"list": "abc"}, {"dict": [["a"]]}, {"dict": [[1, 2]]},
        {"dict": 3}, {"float": "1"}, {"float": "nan()"}, {"opaque": 3}, {"recorder": ["a"]}, {"recorder": 3},
        {"model": {}, "arrays": [0, 9]}, {"model": {}},
        {"function": "os.system"}, {"list": [[]]}, {"list": [{"array": 0}, {"array": 0}]},
    ],
)  # fmt: skip
def test_a_tree_that_no_value_gave_is_refused(tree):
    arrays = [np.zeros(3), np.zeros(())]
    with pytest.raises(BadMessage):
        decode(tree, arrays)


def test_a_deep_tree_is_refused():
    tree = 1
    for _ in range(500):
        tree = {"list": [tree]}
    with pytest.raises(BadMessage, match="deep"):
        decode(tree, [])


def test_more_networks_than_any_answer_has_are_refused():
    refused = {"model": {}, "arrays": [0, 0]}
    assert isinstance(decode(refused, []), Opaque)
    with pytest.raises(BadMessage, match="networks"):
        decode({"list": [refused] * 1000}, [])


def test_tensors_and_variables_cross_as_tensors():
    import tensorflow as tf

    for value in (tf.constant([[1.0, 2.0]]), tf.Variable([1, 2]), tf.constant(True)):
        found = crossed(value)
        assert isinstance(found, tf.Tensor) and found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)


def test_half_precision_crosses_as_single():
    import tensorflow as tf

    found = crossed(tf.constant([1.5, 2.5], tf.bfloat16))
    assert found.dtype == tf.float32 and found.numpy().tolist() == [1.5, 2.5]


def test_a_symbolic_tensor_is_opaque():
    import tf_keras as keras

    assert isinstance(crossed(keras.Input((2,))), Opaque)


def test_a_network_crosses_with_its_weights():
    import tf_keras as keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="tanh")])
    found, extra = crossed((model, np.ones(2)))
    x = np.random.default_rng(1).random((4, 3), np.float32)
    assert found is not model and extra.tolist() == [1, 1]
    np.testing.assert_allclose(found(x), model(x), rtol=1e-6)


def test_a_network_that_cannot_be_described_is_opaque():
    import tf_keras as keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1)])
    assert isinstance(crossed(model), Opaque)


def test_a_named_tuple_crosses_as_a_tuple():
    from collections import namedtuple

    image, distance = crossed(namedtuple("Decoded", "image distance")(np.zeros((28, 28)), 1.5))
    assert image.shape == (28, 28) and distance == 1.5
