"""What makes two trainings the same: a description of model, loss, optimizer and data that fits into JSON.

A description is compared with the one stored beside the weights, and the first difference becomes a sentence.
Nothing here pickles: the layers of TensorFlow Probability pickle their functions in ``get_config``, which
fails for some and is never safe to read back, so they are described by what can be seen of them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.evidence.training_records import probed_rows, sums_of

# Parts of a layer's config that do not change what is computed, or that Keras numbers by itself.
_IGNORED = {"name", "dtype", "batch_input_shape", "input_dim", "input_length", "autocast", "activity_regularizer"}
_IGNORED_OF_OPTIMIZER = {"name", "jit_compile", "is_legacy_optimizer"}
_AUTOMATIC_NAME = re.compile(r"(sequential|model|functional)(_\d+)?")
# Drawn flowers may differ by a grey level in a pixel or two from one processor to another, whose sines end in another bit.
_TOLERANCE_OF_IMAGES = 1e-3
_TOLERANCE = 1e-4  # float32 runs on other machines and other ways to scale the same image stay below it


def describe(model, x, y, validation_data, *, batch_size, seed, shuffle) -> dict[str, Any]:
    """The description of one training as nested dicts, lists, strings and numbers, ready for JSON."""
    facts = {
        "architecture": architecture(model),
        "loss": describe_loss(model, y),
        "optimizer": describe_optimizer(model.optimizer),
        "data": {"x": describe_array(x), "y": describe_array(y)},
        "validation": None if validation_data is None else [describe_array(part) for part in validation_data],
        "batch_size": int(batch_size),
        "seed": None if seed is None else int(seed),
        "shuffle": bool(shuffle),
    }
    return json.loads(json.dumps(facts, default=_plain))


# ----------------------------------------------------------------------------------------------- descriptions


def architecture(model) -> list[dict[str, Any]]:
    """One entry a layer, nested models unfolded and input layers left out: Sequential equals functional."""
    return json.loads(json.dumps(_layers(model, ""), default=_plain))


def _layers(model, inside):
    found, number, part = [], 0, 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if getattr(layer, "layers", None) and isinstance(layer, keras.Model):
            part += 1
            name = f"part {part}" if _AUTOMATIC_NAME.fullmatch(layer.name) else layer.name
            found += _layers(layer, f"{inside}{name} ")
            continue
        number += 1
        found.append(
            {
                "where": f"{inside}layer {number}",
                "class": type(layer).__name__,
                "config": _config(layer),
                "weights": [list(weight.shape) for weight in layer.weights],
                "regularizer": describe_regularizer(
                    getattr(layer, "activity_regularizer", None) or getattr(layer, "_regularizer", None)
                ),
            }
        )
    return found


def _config(layer):
    config = {}
    for attribute in ("_make_distribution_fn", "function"):
        own = type(layer).__name__ in ("DistributionLambda", "Lambda")
        if own and callable(getattr(layer, attribute, None)):
            config["function"] = code_of(getattr(layer, attribute))
            break
    if hasattr(layer, "_convert_to_tensor_fn"):
        config["becomes a tensor by"] = getattr(layer._convert_to_tensor_fn, "__name__", "?")
    if _is_from_tfp(layer) or type(layer).__name__ == "Lambda":
        with contextlib.suppress(Exception):  # not every layer knows its output shape
            config["output shape"] = list(layer.output_shape)[1:]
        return config
    with contextlib.suppress(Exception):  # a layer of the learner's own may have none: class and weights must do
        config.update(
            (key, value)
            for key, value in layer.get_config().items()
            if key not in _IGNORED and not key.endswith("_initializer")
        )
    return config


def _is_from_tfp(thing):
    return any(parent.__module__.startswith("tensorflow_probability") for parent in type(thing).__mro__)


def describe_regularizer(regularizer) -> dict[str, Any] | None:
    """Kind and strength of an activity regularizer; for the KL also the weight, exactness and prior."""
    if regularizer is None:
        return None
    facts = {"class": type(regularizer).__name__}
    if hasattr(regularizer, "distribution_b"):
        weight = regularizer.weight
        facts["weight"] = 1.0 if weight is None else float(np.asarray(weight))
        facts["exact"] = bool(regularizer.use_exact_kl)
        facts["prior"] = _describe_prior(regularizer.distribution_b)
        if not facts["exact"]:
            facts["reduced axes"] = str(regularizer.test_points_reduce_axis)
        return facts
    try:
        facts.update(regularizer.get_config())
    except Exception:  # noqa: BLE001 - a plain function
        facts["code"] = code_of(regularizer)
    return facts


def _describe_prior(prior):
    try:
        if callable(prior) and not hasattr(prior, "log_prob"):
            prior = prior()
        shape = [int(side) for side in prior.event_shape]
        points = np.random.default_rng(5).normal(size=[4, *shape]).astype(np.float32)
        # The log density at a few points tells location, scale and family alike.
        return {"event shape": shape, "log density": np.ravel(prior.log_prob(points))[:64].tolist()}
    except Exception:  # noqa: BLE001 - not every prior has log densities
        return {"class": type(prior).__name__}


def describe_loss(model, y) -> dict[str, Any]:
    """Name and behaviour of the compiled loss: its values on fixed random numbers of the right shapes.

    Values rather than names, so that a learner who mends a loss function without renaming it trains again,
    and one who writes the same loss another way does not. A loss that takes no plain tensor, or that draws
    random numbers, is described by its code.
    """
    loss = model.loss
    if loss is None:
        return {"name": "none"}
    facts = {"name": loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)}
    try:
        first, second = _probe_loss(loss, model, y), _probe_loss(loss, model, y)
        if np.isfinite(first).all() and np.allclose(first, second, rtol=1e-6):
            facts["values"] = first
            return facts
    except Exception:  # noqa: BLE001 - for instance a negative log-likelihood, which wants a distribution
        pass
    facts["code"] = code_of(loss)
    return facts


def _probe_loss(loss, model, y):
    rng = np.random.default_rng(3)
    function, values = keras.losses.get(loss), []
    for _ in range(2):
        shape = (4, *y.shape[1:])
        target = (
            rng.integers(0, 2, shape)
            if y.dtype.kind in "iub"
            else np.where(rng.random(shape) < 0.5, rng.integers(0, 2, shape), rng.random(shape))
        )
        output = rng.uniform(0.02, 0.98, (4, *model.output_shape[1:]))
        value = function(
            tf.constant(target.astype(np.float32 if y.dtype.kind == "f" else y.dtype)),
            tf.constant(output.astype(np.float32)),
        )
        values.append(float(tf.reduce_mean(tf.cast(value, tf.float64))))
    return values


def describe_optimizer(optimizer) -> dict[str, Any]:
    """Class and hyperparameters of the compiled optimizer."""
    config = {key: value for key, value in optimizer.get_config().items() if key not in _IGNORED_OF_OPTIMIZER}
    return {"class": type(optimizer).__name__, "config": config}


def describe_array(array) -> dict[str, Any]:
    """Shape, kind of numbers and a cheap summary: up to 256 rows spread evenly, each reduced to one weighted
    sum.

    Sums with a tolerance instead of a hash of the bytes: the same images scaled in float64 or in float32
    differ in the last bit, and are the same data all the same.
    """
    array = np.asarray(array)
    return {
        "shape": list(array.shape),
        "kind": {"u": "i", "b": "i"}.get(array.dtype.kind, array.dtype.kind),
        "sums": sums_of(array[probed_rows(len(array))]).tolist(),
    }


def code_of(function) -> str:
    """A short hash of what a function does: its bytecode, constants, names, and the values it closes over."""
    seen, parts = set(), []

    def add(thing):
        if id(thing) in seen:
            return
        if isinstance(thing, functools.partial):
            seen.add(id(thing))
            add(thing.func), add(thing.args), add(sorted(thing.keywords.items()))
        elif hasattr(thing, "co_code"):
            parts.append((thing.co_code, thing.co_names, thing.co_varnames))
            for constant in thing.co_consts:
                add(constant)
        elif hasattr(thing, "__code__"):
            seen.add(id(thing))
            add(thing.__code__), add(thing.__defaults__)
            for cell in thing.__closure__ or ():
                add(cell.cell_contents)
        elif isinstance(thing, (tuple, list)):
            for item in thing:
                add(item)
        elif isinstance(thing, (bool, int, float, complex, str, bytes, type(None))):
            parts.append(thing)
        elif isinstance(thing, (np.ndarray, np.generic, tf.Tensor, tf.Variable)):
            parts.append(np.asarray(thing).tobytes())
        else:
            parts.append(type(thing).__qualname__)

    add(function)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _plain(value):
    """For JSON: what is not plain yet becomes a number, a list or its type's name; never an address in
    memory."""
    if isinstance(value, (np.ndarray, np.generic, tf.Tensor, tf.Variable)):
        return np.asarray(value).tolist()
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return type(value).__name__


# ------------------------------------------------------------------------------------------------- comparison


def difference(there: dict[str, Any], here: dict[str, Any], *, recipe: bool = True) -> str | None:
    """The first difference between a stored and a present description in words, or None when they match.

    recipe: whether it counts how the network came to its weights, too: optimizer, batch size, seed and order.
    """
    reason = difference_of_architecture(there["architecture"], here["architecture"])
    if reason:
        return f"holds another network ({reason})"
    reason = _difference_of_loss(there["loss"], here["loss"])
    if reason:
        return f"was trained with another loss ({reason})"
    reason = _difference_of_optimizer(there["optimizer"], here["optimizer"])
    if recipe and reason:
        return reason
    for part, name in (("x", "images"), ("y", "targets")):
        reason = _difference_of_data(there["data"][part], here["data"][part])
        if reason:
            return f"was trained on other {name} ({reason})"
    for name in ("batch_size", "seed", "shuffle") if recipe else ():
        if there[name] != here[name]:
            return f"was trained with another {name} ({there[name]} there, {here[name]} here)"
    # Less validation than stored does no harm; validation that was not measured has to be measured.
    if here["validation"] is not None and not _is_measured_on(there["validation"], here["validation"]):
        return "was trained without this validation_data"
    return None


def _difference_of_optimizer(there, here):
    if there["class"] != here["class"]:
        return f"was trained with another optimizer ({there['class']} there, {here['class']} here)"
    reason = _difference_of_config(there["config"], here["config"])
    return f"was trained with another setting of the optimizer ({reason})" if reason else None


def difference_of_architecture(there, here) -> str | None:
    """The first layer that differs, in words, or None."""
    for old, new in zip(there, here):
        where = new["where"]
        if old["class"] != new["class"]:
            return f"{where}: {old['class']} there, {new['class']} here"
        for key in ("units", "filters"):
            if old["config"].get(key) != new["config"].get(key):
                return f"{where}: {old['config'].get(key)} {key} there, {new['config'].get(key)} here"
        reason = _difference_of_config(old["config"], new["config"])
        if reason:
            return f"{where}: {reason}"
        if old["weights"] != new["weights"]:
            return f"{where}: weights {_shapes(old['weights'])} there, {_shapes(new['weights'])} here"
        if not same(old["regularizer"], new["regularizer"]):
            return f"{where}: {_difference_of_regularizer(old['regularizer'], new['regularizer'])}"
    if len(there) != len(here):
        return f"{len(there)} layers there, {len(here)} here"
    return None


def _difference_of_regularizer(there, here):
    if there is None or here is None:
        return f"{_name(there)} there, {_name(here)} here"
    return _difference_of_config(there, here) or "another regularizer"


def _name(regularizer):
    return "no regularizer" if regularizer is None else regularizer.get("class", "a regularizer")


def _difference_of_loss(there, here):
    if "values" in there and "values" in here:
        if same(there["values"], here["values"], 1e-3):
            return None
        found = f"{there['values'][0]:.4g} there, {here['values'][0]:.4g} here on the same test numbers"
        return found if there["name"] == here["name"] else f"{_names(there, here)}; {found}"
    if there == here:
        return None
    if there["name"] != here["name"]:
        return _names(there, here)
    return "same name, other code"


def _names(there, here):
    return f"{there['name']} there, {here['name']} here"


def _difference_of_config(there, here):
    for key in [*here, *(key for key in there if key not in here)]:
        old, new = there.get(key), here.get(key)
        if not same(old, new):
            if max(len(_short(old)), len(_short(new))) > 30:
                return f"another {key}"
            return f"{key} {_short(old)} there, {_short(new)} here"
    return None


def _difference_of_data(there, here):
    if there["shape"] != here["shape"]:
        return f"shape {tuple(there['shape'])} there, {tuple(here['shape'])} here"
    if there["kind"] != here["kind"]:
        kinds = {"f": "decimal numbers", "i": "whole numbers"}
        return f"{kinds.get(there['kind'])} there, {kinds.get(here['kind'])} here"
    old, new = np.asarray(there["sums"]), np.asarray(here["sums"])
    scale = max(np.abs(old).max(initial=0), np.abs(new).max(initial=0))
    if not np.allclose(old, new, rtol=_TOLERANCE, atol=_TOLERANCE_OF_IMAGES * scale, equal_nan=True):
        return "same shape, other values"
    return None


def _is_measured_on(there, here):
    return (
        there is not None
        and len(there) == len(here)
        and not any(_difference_of_data(old, new) for old, new in zip(there, here))
    )


def same(a, b, tolerance=_TOLERANCE) -> bool:
    """Equal in structure, numbers up to a relative tolerance."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b))
    if isinstance(a, bool) or isinstance(b, bool):  # True == 1 in Python, but not here
        return a is b
    if not all(isinstance(value, (int, float)) for value in (a, b)):
        return a == b
    return bool(np.isclose(a, b, rtol=tolerance, atol=1e-9, equal_nan=True))


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shapes(shapes):
    return " and ".join(str(tuple(shape)) for shape in shapes) or "none"
