"""The distributions that a network may hold: priors, KL divergences towards them, and what becomes of a draw."""

import functools

import numpy as np
import tensorflow as tf
from autoencoder_helpers.evidence.limits import MOST_AXES
from autoencoder_helpers.evidence.refusals import Refused, expect, fields
from autoencoder_helpers.evidence.settings import (
    AXIS,
    FLAG,
    NOTHING,
    REGULARIZER,
    SHAPE,
    Kind,
    check_constant,
    choice,
    either,
    number,
    several,
    whole,
)
from autoencoder_helpers.evidence.shapes import broadcast


@functools.cache
def probability():
    """TensorFlow Probability. It takes seconds to import, so only networks with distributions do so."""
    import tensorflow_probability

    return tensorflow_probability


_DTYPE = choice("float32", "float64")
_CONSTANT = Kind(check_constant)
_OPTIONAL_CONSTANT = either(NOTHING, _CONSTANT)
_DEEPEST_PRIOR = 4

PRIORS: dict[str, dict[str, Kind | None]] = {  # None stands for a distribution inside
    "Normal": {"dtype": _DTYPE, "loc": _CONSTANT, "scale": _CONSTANT},
    "MultivariateNormalDiag": {"dtype": _DTYPE, "loc": _OPTIONAL_CONSTANT, "scale_diag": _OPTIONAL_CONSTANT},
    "MultivariateNormalTriL": {"dtype": _DTYPE, "loc": _OPTIONAL_CONSTANT, "scale_tril": _CONSTANT},
    "Independent": {"distribution": None, "reinterpreted_batch_ndims": whole(0, MOST_AXES)},
    "Sample": {"distribution": None, "sample_shape": SHAPE},
}


def _check_prior(value, depth=1):
    if type(value) is not dict or type(value.get("class")) is not str or value["class"] not in PRIORS:
        raise Refused(f"expected a prior of class {', '.join(PRIORS)}")
    if depth > _DEEPEST_PRIOR:
        raise Refused("too many distributions inside each other")
    kinds = PRIORS[value["class"]]
    given = dict(zip(kinds, fields(value, "class", *kinds)[1:], strict=True))
    checked = {
        key: kind.check(given[key]) if kind else _check_prior(given[key], depth + 1) for key, kind in kinds.items()
    }
    return {"class": value["class"], **checked}


def _make_prior(value):
    distributions = probability().distributions
    settings = {key: part for key, part in value.items() if key not in ("class", "dtype")}
    for key, part in settings.items():
        if key == "distribution":
            settings[key] = _make_prior(part)
        elif isinstance(part, np.ndarray):
            settings[key] = tf.constant(part, value["dtype"])
    classes = {name: getattr(distributions, name) for name in PRIORS}
    return classes[value["class"]](**settings)


def prior_shape(value: dict) -> tuple[int, ...]:
    """The shape of one draw from a checked prior, batch and event together; Refused if its parts do not fit.

    TensorFlow Probability would spread a small prior over a large distribution, and the other way round.
    """
    batch, event = _prior_shapes(value)
    return batch + event


def _prior_shapes(value):
    name = value["class"]
    if name == "Normal":
        return broadcast([value["loc"].shape, value["scale"].shape]), ()
    if name == "Independent":
        (batch, event), moved = _prior_shapes(value["distribution"]), value["reinterpreted_batch_ndims"]
        expect(moved <= len(batch), "a prior without so many axes")
        return batch[: len(batch) - moved], batch[len(batch) - moved :] + event
    if name == "Sample":
        batch, event = _prior_shapes(value["distribution"])
        return batch, value["sample_shape"] + event
    shapes = [value[key].shape for key in ("loc", "scale_diag") if value.get(key) is not None]
    if name == "MultivariateNormalTriL":
        shapes.append(value["scale_tril"].shape[:-1])
    whole = broadcast(shapes)
    expect(whole, "a prior without numbers")
    return whole[:-1], whole[-1:]


PRIOR = Kind(_check_prior, _make_prior)
KL: dict[str, Kind] = {  # settings of both KLDivergenceRegularizer and KLDivergenceAddLoss
    "distribution_b": PRIOR,
    "use_exact_kl": FLAG,
    "test_points_reduce_axis": either(NOTHING, several(AXIS, 0, MOST_AXES)),
    "weight": either(NOTHING, number()),
}


def _check_activity_regularizer(value):
    if type(value) is dict and "distribution_b" in value:
        parts = fields(value, *KL)
        return {key: kind.check(part) for (key, kind), part in zip(KL.items(), parts, strict=True)}
    if type(value) is dict and "orthogonal" in value:
        raise Refused("rows or columns at right angles, of what a layer gives out")
    return REGULARIZER.check(value)


def _make_activity_regularizer(value):
    if value is not None and "distribution_b" in value:
        settings = {key: kind.make(value[key]) for key, kind in KL.items()}
        return probability().layers.KLDivergenceRegularizer(**settings)
    return REGULARIZER.make(value)


ACTIVITY_REGULARIZER = Kind(_check_activity_regularizer, _make_activity_regularizer)

# How a distribution becomes a tensor.
CONVERSIONS = ("sample", "mean", "mode")
CONVERSION = Kind(choice(*CONVERSIONS).check, lambda name: getattr(probability().distributions.Distribution, name))
