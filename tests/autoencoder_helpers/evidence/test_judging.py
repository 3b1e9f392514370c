"""Hostile descriptions: nothing that is not exactly allowed is rebuilt, and judging makes nothing."""

import copy
import json

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers.evidence import limits
from autoencoder_helpers.evidence.description import NotDescribable, describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.evidence.refusals import Refused
from comparing_networks import standard

layers = keras.layers
tfpl = tfp.layers


def sample_description():
    """A description with something of everything, as small as can be, and its arrays."""
    x = keras.Input((4, 4, 1), name="image")
    leaky = layers.LeakyReLU(0.1, name="leaky")
    y = layers.Conv2D(2, 2, strides=2, padding="same", activation=leaky, name="conv")(x)
    y = layers.BatchNormalization(name="bn")(y)
    y = layers.Conv2DTranspose(1, 2, kernel_regularizer="l2", name="transposed")(y)
    y = tf.reshape(layers.Concatenate(name="both")([y, y]) * 2.0, (-1, 18))
    y = layers.Dense(4, "relu", name="dense")(layers.Dropout(0.5, name="drop")(y, training=False))
    kl = tfpl.KLDivergenceRegularizer(standard(), use_exact_kl=True, weight=0.5)
    y = tfpl.IndependentNormal(2, activity_regularizer=kl, name="cloud")(y)
    encoder = keras.Model(x, y, name="encoder")
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(4), layers.Reshape((2, 2))], name="decoder")
    whole = keras.Model(x, decoder(encoder(x)), name="whole")
    description, arrays = describe_models({"encoder": encoder, "whole": whole})
    return json.loads(json.dumps(description)), arrays


@pytest.fixture(scope="module")
def sample():
    return sample_description()


def step_of(description, name):
    return next(step for step in description["steps"] if step.get("name") == name)


def config(name, /, **settings):
    def change(description, arrays):
        step_of(description, name)["config"].update(settings)

    return change


def fields_of(name, /, **values):
    def change(description, arrays):
        step_of(description, name).update(values)

    return change


def call_of(name, /, **values):
    def change(description, arrays):
        index = description["steps"].index(step_of(description, name))
        next(step for step in description["steps"] if step.get("layer") == index).update(values)

    return change


def whole_description(**values):
    return lambda description, arrays: description.update(values)


def new_array(index, make):
    def change(description, arrays):
        arrays[index] = make(arrays[index])

    return change


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def many_layers(count):
    def change(description, arrays):
        steps = description["steps"]
        target = len(steps) - 1
        for i in range(count):
            steps.append({**step_of(description, "drop"), "name": f"drop{i}"})
            steps.append({"step": "call", "layer": len(steps) - 1, "inputs": [0], "training": None, "options": {}})
        description["models"] = {"m": target}

    return change


def unfolding(levels, times=2):
    """Each model calls the one before it several times: `times` to the power of `levels` calls in all."""

    def change(description, arrays):
        steps = [{"step": "input", "name": "x", "shape": [2], "dtype": "float32"}]
        inner = {**step_of(description, "drop"), "name": "d"}
        steps += [inner, {"step": "call", "layer": 1, "inputs": [0], "training": None, "options": {}}]
        steps.append(model_step("m0", 0, 2))
        for i in range(levels):
            model = target = len(steps) - 1
            for number in range(times):
                call = {"step": "call", "layer": model, "inputs": [target if number else 0]}
                steps.append({**call, "training": None, "options": {}})
                target = len(steps) - 1
            steps.append(model_step(f"m{i + 1}", 0, target))
        description["steps"], description["models"] = steps, {"m": len(steps) - 1}
        del arrays[:]

    return change


def model_step(name, source, target):
    return {
        "step": "model",
        "class": "Functional",
        "name": name,
        "trainable": True,
        "input": source,
        "output": target,
    }


HUGE, NAN, INF = 10**400, float("nan"), float("inf")
HOSTILE = {
    "another version": whole_description(version=2),
    "version True": whole_description(version=True),
    "no steps": whole_description(steps={}),
    "deep steps": whole_description(steps=deep(5000)),
    "a thousand steps": whole_description(steps=[{}] * 1000),
    "deep models": whole_description(models=deep(5000)),
    "no models": whole_description(models={}),
    "a model that is a layer": whole_description(models={"m": 1}),
    "a model that is a tensor": whole_description(models={"m": 0}),
    "a model that is nowhere": whole_description(models={"m": 10**6}),
    "a model at -1": whole_description(models={"m": -1}),
    "a model at True": whole_description(models={"m": True}),
    "a nameless model": whole_description(models={"": 0}),
    "something more": whole_description(custom_objects={}),
    "Lambda": fields_of("drop", **{"class": "Lambda"}),
    "a class by path": fields_of("drop", **{"class": "os.system"}),
    "a class that is a list": fields_of("drop", **{"class": ["Dropout"]}),
    "an unknown step": fields_of("drop", step="eval"),
    "a step that is a list": fields_of("drop", step=["layer"]),
    "an unknown setting": config("drop", kernel_initializer="zeros"),
    "a setting in the wrong place": fields_of("drop", rate=0.5),
    "settings that are a list": fields_of("drop", config=[["rate", 0.5]]),
    "a long name": fields_of("drop", name="x" * 1000),
    "a name with control characters": fields_of("drop", name="a\nb"),
    "a name that is taken": fields_of("drop", name="bn"),
    "a name that is a number": fields_of("drop", name=7),
    "another policy": fields_of("drop", dtype="float16"),
    "a policy that is a dict": fields_of("drop", dtype={"class_name": "Policy"}),
    "trainable 1": fields_of("drop", trainable=1),
    "rate nan": config("drop", rate=NAN),
    "rate 2": config("drop", rate=2),
    "rate as text": config("drop", rate="0.5"),
    "weight inf": lambda d, a: step_of(d, "cloud")["config"]["activity_regularizer"].update(weight=INF),
    "weight True": lambda d, a: step_of(d, "cloud")["config"]["activity_regularizer"].update(weight=True),
    "units True": config("dense", units=True),
    "units 0": config("dense", units=0),
    "units -1": config("dense", units=-1),
    "units 4.0": config("dense", units=4.0),
    "huge units": config("dense", units=HUGE),
    "many units": config("dense", units=10**9),
    "activation by path": config("dense", activation="os.system"),
    "activation of a lambda": config("dense", activation={"class_name": "function", "config": "lambda"}),
    "activation by a later layer": config("dense", activation={"layer": 10**5}),
    "activation by no activation": config("dense", activation={"layer": 0}),
    "kernel size as text": config("conv", kernel_size="22"),
    "kernel size of one": config("conv", kernel_size=[2]),
    "kernel size as number": config("conv", kernel_size=2),
    "huge kernel": config("conv", kernel_size=[HUGE, HUGE]),
    "stride 0": config("conv", strides=[0, 1]),
    "groups that do not divide": config("conv", groups=2),
    "channels first": config("conv", data_format="channels_first"),
    "deep padding": config("conv", padding=deep(3000)),
    "output padding that does not fit": config("transposed", output_padding=[5, 5]),
    "regularizer of code": config("transposed", kernel_regularizer={"class_name": "L2"}),
    "KL for a layer without distribution": lambda d, a: step_of(d, "dense")["config"].update(
        activity_regularizer=step_of(d, "cloud")["config"]["activity_regularizer"]
    ),
    "an unknown prior": lambda d, a: prior_of(d).update({"class": "JointDistributionCoroutine"}),
    "priors inside priors": lambda d, a: nest_priors(d, 2000),
    "a prior of the wrong shape": lambda d, a: prior_of(d)["distribution"]["loc"].update(shape=[3]),
    "a prior for more numbers": lambda d, a: prior_of(d)["distribution"].update(
        loc={"shape": [3, 1, 2], "values": [0.0] * 6}
    ),
    "a prior of another size": lambda d, a: prior_of(d)["distribution"].update(loc={"shape": [3], "values": [0.0] * 3}),
    "priors multiplied": lambda d, a: nest_priors(d, 2, sample_shape=[10_000]),
    "a wide dilation": config("conv", dilation_rate=[9999, 9999], strides=[1, 1]),
    "a prior that does not fit": lambda d, a: prior_of(d).update(reinterpreted_batch_ndims=5),
    "a prior with holes": lambda d, a: prior_of(d)["distribution"]["loc"].update(values=[0.0, None]),
    "a huge prior": lambda d, a: prior_of(d)["distribution"]["loc"].update(shape=[10**6, 10**6]),
    "a conversion by name": config("cloud", convert_to_tensor_fn="__init__"),
    "another operation": lambda d, a: operation_of(d)["config"].update(operation="io.read_file"),
    "a huge event": config("cloud", event_shape=[1000, 1000]),
    "axis 0": config("bn", axis=[0]),
    "axis 9": config("both", axis=9),
    "an open input": fields_of("image", shape=[None, 4, 1]),
    "an input of rank 50": fields_of("image", shape=[1] * 50),
    "a huge input": fields_of("image", shape=[2000, 2000, 3]),
    "an input of text": fields_of("image", dtype="string"),
    "a call of itself": call_of("drop", layer=10**5),
    "a call that comes later": call_of("drop", inputs=[200]),
    "a call of a tensor": call_of("drop", layer=0),
    "a call with a layer as input": call_of("drop", inputs=[1]),
    "a call without input": call_of("drop", inputs=[]),
    "a call with two inputs": call_of("drop", inputs=[0, 0]),
    "a call with True": call_of("drop", inputs=[False]),
    "a call with text": call_of("drop", inputs="0"),
    "training as text": call_of("drop", training="no"),
    "options for a layer": call_of("drop", options={"mask": 0}),
    "a constant for a layer": call_of("drop", inputs=[{"shape": [], "values": [1.0]}]),
    "a model with a layer as input": fields_of("whole", input=1),
    "a model with another input": lambda d, a: fields_of("whole", input=step_index(d, "input", -1))(d, a),
    "a model of another class": fields_of("whole", **{"class": "Model"}),
    "an array too few": lambda d, a: a.pop(),
    "an array too many": lambda d, a: a.append(np.zeros(3, "f4")),
    "no arrays": lambda d, a: a.clear(),
    "an array used twice": fields_of("dense", arrays=[0, 0]),
    "an array at True": fields_of("dense", arrays=[True, 0]),
    "an array of another shape": new_array(0, lambda array: array[..., :1]),
    "an array of another type": new_array(0, lambda array: array.astype("f8")),
    "an array of integers": new_array(0, lambda array: array.astype("i4")),
    "an array of objects": new_array(0, lambda array: array.astype(object)),
    "an array with nan": new_array(0, lambda array: array * np.nan),
    "a list as an array": new_array(0, lambda array: array.tolist()),
    "a matrix": new_array(0, lambda array: np.ma.masked_array(array)),
    "too many weights": lambda d, a: a.append(np.broadcast_to(np.float32(0), (10**5, 10**4))),
    "too many layers": many_layers(210),
    "models inside models": unfolding(10),
    "many more models inside models": unfolding(60),
    "models that unfold": unfolding(5, times=4),
}


def prior_of(description):
    return step_of(description, "cloud")["config"]["activity_regularizer"]["distribution_b"]


def nest_priors(description, levels, sample_shape=()):
    prior = prior_of(description)
    for _ in range(levels):
        prior = {"class": "Sample", "distribution": prior, "sample_shape": list(sample_shape)}
    step_of(description, "cloud")["config"]["activity_regularizer"]["distribution_b"] = prior


def operation_of(description):
    return next(step for step in description["steps"] if step.get("class") == "TFOpLambda")


def step_index(description, kind, which):
    return [i for i, step in enumerate(description["steps"]) if step["step"] == kind][which]


def test_the_sample_itself_is_rebuilt(sample):
    assert set(rebuild_models(*sample)) == {"encoder", "whole"}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_not_exactly_allowed_is_refused(name, sample):
    description, arrays = copy.deepcopy(sample[0]), list(sample[1])
    HOSTILE[name](description, arrays)
    with pytest.raises(Refused) as caught:
        rebuild_models(description, arrays)
    assert caught.value.reason and len(caught.value.reason) < 300


@pytest.mark.parametrize("thing", [None, 3, "x", [], {}, {"steps": []}, NAN, deep(3000)])
def test_what_is_no_description_is_refused(thing):
    for description, arrays in ((thing, []), (sample_of_nothing(), thing)):
        with pytest.raises(Refused):
            rebuild_models(description, arrays)


def sample_of_nothing():
    return {"version": 1, "steps": [], "models": {}}


def test_large_networks_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(keras.layers.Layer, "__init__", lambda *a, **k: pytest.fail("a layer was made"))
    steps = [
        {"step": "input", "name": "x", "shape": [100, 100, 1], "dtype": "float32"},
        layer_step("UpSampling2D", size=[100, 100], interpolation="nearest", data_format="channels_last"),
        {"step": "call", "layer": 1, "inputs": [0], "training": None, "options": {}},
        model_step("m", 0, 2),
    ]
    with pytest.raises(Refused, match="2,000,000 values"):
        rebuild_models({"version": 1, "steps": steps, "models": {"m": 3}}, [])


def tower(wide, layer, count=8):
    """A network of many layers that multiply nothing, between a widening and a narrowing."""
    parts = [layers.UpSampling2D(wide), *[layer() for _ in range(count)], layers.AveragePooling2D(wide)]
    return keras.Sequential([keras.Input((28, 28, 1)), *parts])


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Activation("tanh"),
        lambda: layers.LeakyReLU(0.5),
        lambda: layers.Rescaling(0.99),
        lambda: layers.LayerNormalization(),
        lambda: layers.Softmax(),
        lambda: layers.PReLU(),
        lambda: layers.Dropout(0.1),
        lambda: layers.DepthwiseConv2D(1, activation=tf.nn.gelu),
    ],
)
def test_work_without_multiplications_counts(layer, monkeypatch):
    expect_too_much_work(tower(18, layer), monkeypatch)
    assert rebuild_models(*describe_models({"m": tower(2, layer)}))


def test_work_of_operations_and_of_activations_counts(monkeypatch):
    image = keras.Input((28, 28, 1))
    wide = layers.UpSampling2D(18)(image)
    for _ in range(8):
        wide = tf.sigmoid(wide)
    expect_too_much_work(keras.Model(image, layers.AveragePooling2D(18)(wide)), monkeypatch)
    smooth = [layers.UpSampling2D(18, interpolation="lanczos5"), layers.AveragePooling2D(18)]
    expect_too_much_work(keras.Sequential([keras.Input((28, 28, 1)), *smooth]), monkeypatch)


def expect_too_much_work(model, monkeypatch):
    """The notebook says so at once, and grading refuses what a notebook did not."""
    with pytest.raises(NotDescribable, match="more computation"):
        describe_models({"m": model})
    with monkeypatch.context() as over_there:
        over_there.setattr(limits, "WORK_OF_A_VALUE", 0)
        described = describe_models({"m": model})
    with pytest.raises(Refused, match="more computation"):
        rebuild_models(*described)


def layer_step(kind, /, **settings):
    settings["activity_regularizer"] = None
    return {
        "step": "layer",
        "class": kind,
        "name": "layer",
        "dtype": "float32",
        "trainable": True,
        "config": settings,
        "arrays": [],
    }


def places(value, path=()):
    """The path to each value inside a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


NASTY = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**63, HUGE, -HUGE, 0.5, -0.0, 1e300, NAN, INF, -INF),
    *("", "relu", "Lambda", "__class__", "\ud800", "x" * 10**5),
    *([], {}, [[]], [0], [1, 1], [-1, 4], [None], {"layer": 2}),
    *({"shape": [], "values": [1.0]}, {"class": "Normal"}, {"l1": 0, "l2": 1}, deep(100)),
]


def gentle(rng, value):
    """A value of the same kind, which may well be allowed."""
    if type(value) is bool:
        return not value
    if type(value) is int:
        return value + int(rng.integers(-2, 3))
    if type(value) is float:
        return float(rng.choice([0.0, 0.5, 1.0, 2.0, 1e-3, -1.0]))
    if type(value) is str:
        words = ["relu", "softmax", "tf.nn.leaky_relu", "valid", "same", "mean", "mode", "float64", "new"]
        return str(rng.choice([*words, "Functional", "Sequential", "Dropout", "ReLU", "math.add"]))
    return None if value is not None else 1


def mutated(rng, description, arrays):
    """A few random changes anywhere."""
    description, arrays = copy.deepcopy(description), list(arrays)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if rng.random() < 0.05 and arrays:
            index = int(rng.integers(len(arrays)))
            changes = [np.float64, np.float16, np.int32, object]
            arrays[index] = arrays[index].astype(changes[rng.integers(len(changes))])
            continue
        paths = list(places(description))
        path, other = (paths[int(i)] for i in rng.integers(1, len(paths), 2))
        holder = description
        for key in path[:-1]:
            holder = holder[key]
        key, way = path[-1], rng.random()
        if way < 0.5:
            holder[key] = gentle(rng, holder[key])
        elif way < 0.75:
            holder[key] = NASTY[rng.integers(len(NASTY))]
        elif way < 0.8:
            del holder[key]
        elif way < 0.9 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:  # a part of the description in the place of another
            part = description
            for step in other:
                part = part[step]
            holder[key] = copy.deepcopy(part)
    return description, arrays


def test_random_changes_end_in_networks_or_in_a_refusal(sample):
    rng = np.random.default_rng(20)
    kept = 0
    for _ in range(600):
        description, arrays = mutated(rng, *sample)
        try:
            models = rebuild_models(description, arrays)
        except Refused as refusal:
            assert len(refusal.reason) < 300
        else:
            kept += 1
            assert all(isinstance(model, keras.Model) for model in models.values())
    assert 5 < kept < 300  # some changes do no harm, such as another name
