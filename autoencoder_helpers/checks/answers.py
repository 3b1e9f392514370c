"""Kinds of answers: what a learner may hand to a check, and the message when it is something else.

Each kind has a `title` for people and `read(value, name)`, which returns the answer in one form or raises NotYet.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from autoencoder_helpers.checks.failed_cells import error_of, made_of, whole_error_of
from autoencoder_helpers.checks.handed import changed_ones, copies_of
from autoencoder_helpers.checks.models import give_graphs
from autoencoder_helpers.checks.recipes import EndsInDistribution
from autoencoder_helpers.checks.right_parts import with_right_parts
from autoencoder_helpers.checks.rule import NotYet, describe
from autoencoder_helpers.evidence.values import plain_floats
from autoencoder_helpers.shipped.files import as_called
from autoencoder_helpers.shipped.likeness import likeness

_RUN_FIRST = "Replace the raise line in its cell with your own code, and run that cell first."
_LONGEST_CODE = 60  # of a learner's line in a message
_ADD_LAYERS = "Add them to its list, an input first: keras.Sequential([keras.Input(shape=...), ...])."


@dataclass(frozen=True)
class Model:
    """A Sequential or functional Keras model.

    input_shape: of one image, without the batch axis. A Sequential model without an input layer does not know
    its shapes before it has seen data; it is built with this shape, so that it is as right as one with it.
    words: what to say of a network that is refused here, where the exercise has words of its own for it.
    anybodys: whether the networks that the course carries will do, too: the answer is another one, and these go with it.
    """

    input_shape: tuple[int, ...] | None = None
    words: EndsInDistribution | None = None
    anybodys: bool = False
    title = "a Keras model"

    def read(self, value, name):
        import tf_keras as keras
        from autoencoder_helpers.evidence.description import NotDescribable, describe_models

        wanted = f"a Keras model in `{name}`"
        if value is None or value is Ellipsis:
            raise (self.words and self.words.of_error(whole_error_of(name))) or _missing(wanted, value, name)
        if isinstance(value, type):
            raise NotYet(
                expected=wanted,
                found=describe(value),
                look=f"A class is a plan. Call it, `{value.__name__}(...)`, to have a model.",
                mistake="class-not-object",
            )
        if not isinstance(value, keras.Model):
            raise _in_a_container(wanted, value, name, lambda part: isinstance(part, keras.Model)) or NotYet(
                expected=wanted,
                found=describe(value),
                look=_not_a_model(value, keras),
                mistake="no-model",
            )
        if not isinstance(value, (keras.Sequential, _functional(keras))):
            raise self._in_own_words(value) or NotYet(
                expected="keras.Sequential([...]) or keras.Model(input, output)",
                found=f"a class of your own, {type(value).__name__}",
                look="A subclassed model cannot be rebuilt for grading; build it as Sequential or functional model.",
                mistake="subclassed-model",
            )
        if not value.built and not value.layers:
            raise NotYet(
                expected=f"a network of layers in `{name}`",
                found="it has no layers yet",
                look=_ADD_LAYERS,
                mistake="no-layers",
            )
        if not value.built and self.input_shape is not None:
            try:
                value(np.zeros((1, *self.input_shape), np.float32))
            except Exception as error:
                raise (self.words and self.words.of_error(str(error))) or NotYet(
                    expected=f"`{name}` takes input of shape {self.input_shape}, and the batch axis before it",
                    found=f"an error ({type(error).__name__}) when it was given such input",
                    look="the first layer: which shape does it expect?",
                    mistake="wrong-input-shape",
                ) from error
        if not value.built:
            raise NotYet(
                expected=f"`{name}` knows its input shape",
                found="a model that has not been built",
                look="Begin with keras.Input(shape=...), or give the first layer an input_shape.",
                mistake="no-input-shape",
            )
        if isinstance(getattr(value, "_nested_outputs", None), dict):
            names = ", ".join(map(repr, value._nested_outputs))
            raise NotYet(
                expected=f"one output in `{name}`: the tensor itself",
                found=f"a dict with the name{'s' if len(value._nested_outputs) > 1 else ''} {names}",
                look="keras.Model(input, output), without names around them: the network is to give images, and no dict.",
                mistake="several-in-one",
            )
        try:
            give_graphs(value)
            describe_models({name: value})
        except NotDescribable as reason:
            raise self._in_own_words(value) or NotYet(
                expected=f"`{name}` is a network of layers that grading can rebuild",
                found=reason,
                look=reason.look,
                mistake="cannot-be-rebuilt",
            ) from reason
        if not self.anybodys:
            _expect_own(value, name)
        return value

    def _in_own_words(self, value) -> NotYet | None:
        """What the exercise says of a network that is refused, if it has words for it."""
        if self.words is None:
            return None
        try:
            return self.words.of_model(value)
        except Exception:  # noqa: BLE001 - a stranger's network may raise whatever it is asked
            return None


@dataclass(frozen=True)
class Array:
    """An array of numbers: NumPy array, TensorFlow tensor, nested list.

    shape: expected shape, None where any length will do. A wrong shape is for the rule to name, unless it is given
    here.
    """

    shape: tuple[int | None, ...] | None = None
    title = "an array"

    def read(self, value, name):
        array = as_array(value, name)
        if self.shape is not None and not fits(array.shape, self.shape):
            raise NotYet(
                expected=f"an array of shape {shape_text(self.shape)}",
                found=f"shape {array.shape}",
                look=f"how `{name}` is made: which axis is missing, too many, or in another place?",
                mistake="wrong-shape",
            )
        return array


class Rows:
    """A large array of which a rule looks at some rows: in grading, only these are handed over.

    shape, dtype: of the whole array. take: an array of row numbers -> these rows, in the same order.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, take: Callable[[np.ndarray], np.ndarray]):
        self.shape, self.dtype, self.take = tuple(shape), np.dtype(dtype), take

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0


@dataclass(frozen=True)
class Images:
    """A large array of images, one row (the first axis) an image; the rule gets its Rows."""

    title = "an array"

    def read(self, value, name):
        if isinstance(value, Rows):
            return value
        array = as_array(value, name)
        return Rows(array.shape, array.dtype, lambda rows: array[rows])


class Prior:
    """A distribution as a rule sees it: shapes, log densities and draws. This one looks at a live TFP distribution.

    batch_shape, event_shape: lists of int. dtype: NumPy dtype of its draws.
    exact_kl: whether TFP has a formula for the KL from IndependentNormal's clouds to it.
    """

    def __init__(self, live):
        self._live = live
        self.batch_shape = [int(side) for side in live.batch_shape]
        self.event_shape = [int(side) for side in live.event_shape]
        self.dtype = np.dtype(live.dtype.as_numpy_dtype)
        self.exact_kl = _has_exact_kl(live)

    def facts(self) -> dict:
        """What else is known of it, as JSON-ready data."""
        return {
            "batch_shape": self.batch_shape,
            "event_shape": self.event_shape,
            "dtype": str(self.dtype),
            "exact_kl": self.exact_kl,
        }

    def log_prob(self, z) -> np.ndarray:
        """Log densities of the latent vectors z, an array of `dtype`."""
        return np.asarray(self._live.log_prob(z))

    def sample(self, count: int) -> np.ndarray:
        """`count` draws."""
        return np.asarray(self._live.sample(int(count)))


def _has_exact_kl(prior) -> bool:
    import tensorflow as tf
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    try:
        shape = prior.event_shape.as_list() or prior.batch_shape.as_list()
        cloud = tfd.Independent(tfd.Normal(tf.zeros(shape, prior.dtype), tf.ones((), prior.dtype)), len(shape))
        tfd.kl_divergence(cloud, prior)
    except NotImplementedError:  # TFP's word for it
        return False
    except Exception:  # noqa: BLE001 - another mistake, which has a message of its own
        return True
    return True


@dataclass(frozen=True)
class Distribution:
    """A TensorFlow Probability distribution; the rule gets a Prior."""

    title = "a distribution"

    def read(self, value, name):
        import tensorflow_probability as tfp

        if isinstance(value, Prior):
            return value
        if value is None or value is Ellipsis:
            raise _missing(f"a distribution in `{name}`", value, name)
        if isinstance(value, type):
            raise NotYet(
                expected=f"a distribution in `{name}`",
                found=describe(value),
                look="A class is a plan: call it with its parameters.",
                mistake="class-not-object",
            )
        if isinstance(value, tfp.layers.DistributionLambda):
            raise NotYet(
                expected=f"a distribution in `{name}`",
                found=f"a layer, {type(value).__name__}",
                look="The prior depends on no image, so it is no layer: take it from tfd, not from tfpl.",
                mistake="layer-not-distribution",
            )
        if not isinstance(value, tfp.distributions.Distribution):
            known = tfp.distributions.Distribution
            raise _in_a_container(
                f"a distribution in `{name}`", value, name, lambda part: isinstance(part, known)
            ) or NotYet(
                expected=f"a distribution in `{name}`, such as those in tfd",
                found=describe(value),
                look=_call_it(value)
                if callable(value)
                else "Not a draw from the distribution: the distribution itself.",
                mistake="no-distribution",
            )
        return Prior(value)


@dataclass(frozen=True)
class Number:
    """One finite number: Python, NumPy or TensorFlow.

    optional: None where it is not handed in, as by notebooks of before it was asked for.
    """

    optional: bool = False
    title = "a number"

    def read(self, value, name):
        if self.optional and value is None:
            return None
        array = as_array(value, name, wanted="a number")
        if array.size != 1:
            raise NotYet(
                expected="one number",
                found=f"{array.size} numbers of shape {array.shape}",
                look="Is a sum or a mean missing?",
                mistake="not-a-number",
            )
        number = float(array.reshape(()))
        if not np.isfinite(number):
            raise NotYet(
                expected="a finite number",
                found=str(number),
                look="a logarithm of 0 or a division by 0",
                mistake="not-finite",
            )
        return number


@dataclass(frozen=True)
class Function:
    """Something that can be called.

    optional: None where it is not handed in, as by notebooks of before it was asked for.
    """

    optional: bool = False
    title = "a function"

    def read(self, value, name):
        if self.optional and value is None:
            return None
        if value is None and error_of(name):
            raise _missing(f"a function in `{name}`", value, name)
        if value is None or not callable(value):
            raise _in_a_container(f"a function in `{name}`", value, name, callable) or NotYet(
                expected=f"a function in `{name}`",
                found=describe(value),
                look=_RUN_FIRST if value is None else f"Hand in `{name}` itself, without brackets: not `{name}(...)`.",
                mistake="no-function",
            )
        return value

    def with_right_parts(self, value, names):
        """The function, but with right answers to these earlier exercises in the place of the learner's."""
        over_there = getattr(value, "with_right_parts", None)  # a stand-in, in grading
        return over_there(names) if over_there else with_right_parts(value, names)


@dataclass(frozen=True)
class Anything:
    """Any object; the rule looks at it itself. `title` says what is wanted."""

    title: str = "an answer"

    def read(self, value, name):
        if value is None or value is Ellipsis:
            raise _missing(f"{self.title} in `{name}`", value, name)
        return value


def _expect_own(model, name: str) -> None:
    """NotYet for a network that the course carries, or a part of it, as it is or changed a little."""
    found = likeness(model)
    if found:
        changed = "" if found.apart < 0.001 else f", changed by {found.apart:.1%}"
        raise NotYet(
            expected=f"a network of your own in `{name}`",
            found=f"the {found.part}'s numbers of {as_called(found.name)}, which the course carries{changed}",
            look="That one stands beside yours to be compared with. Run the cells that build and train your own once more, "
            "and hand in that.",
            mistake="shipped-network",
        )


def _missing(wanted: str, value, name: str) -> NotYet:
    """For an answer that is not there: not begun, or its cell failed."""
    error = error_of(name)
    if error:
        return NotYet(
            expected=wanted,
            found=f"{describe(value)}: its cell ended in an error, {error}",
            look="The traceback below that cell: its arrow shows the line. Mend it, and run the cell again.",
            mistake="cell-failed",
        )
    made = made_of(name)
    if value is None and made:
        return NotYet(
            expected=wanted,
            found=f"None: what `{made if len(made) <= _LONGEST_CODE else made[: _LONGEST_CODE - 1] + '…'}` gives back",
            look="A function without `return` gives back nothing, and so do calls such as `model.add(...)`, which change what "
            "stands before the point: write no `=` in front of these.",
            mistake="nothing-given-back",
        )
    return NotYet(expected=wanted, found=describe(value), look=_RUN_FIRST, mistake="missing")


def _in_a_container(wanted: str, value, name: str, fits: Callable) -> NotYet | None:
    """For a dict, list or tuple in the place of one thing; None if it is none of them.

    fits: says whether a part is of the kind that is asked for.
    """
    if not isinstance(value, (dict, list, tuple)):
        return None
    parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    fitting = [key for key, part in parts if fits(part)]
    if isinstance(value, tuple) and len(value) == len(fitting) == 1:
        look, mistake = "A comma at the end of the line made a tuple of one thing. Take it away.", "trailing-comma"
    else:
        if isinstance(value, dict):
            key = name if name in fitting else None  # another part may be of the kind, and not what is asked for
        else:
            key = fitting[0] if len(fitting) == 1 else None
        look = (
            f"One thing is asked for here. It stands in `[{key!r}]`: hand in that alone."
            if key is not None
            else f"Several things in one {type(value).__name__}. Hand in one alone, or join them to one."
        )
        mistake = "several-in-one"
    return NotYet(expected=wanted, found=describe(value), look=look, mistake=mistake)


def as_array(value, name="the answer", wanted="an array of numbers") -> np.ndarray:
    """`value` as a NumPy array of numbers; NotYet if it is none."""
    an_answer = name.isidentifier()  # and not a part or a result of one
    wanted = f"{wanted} in `{name}`" if an_answer else f"{wanted} as {name}"
    look = f"how `{name}` is made" if an_answer else f"how {name} is made"
    if value is None or value is Ellipsis:
        if an_answer:
            raise _missing(wanted, value, name)
        raise NotYet(expected=wanted, found=describe(value), look=look, mistake="missing")
    if isinstance(value, dict):
        look = f"{look}: the numbers themselves, without names around them"
        raise NotYet(expected=wanted, found=describe(value), look=look, mistake="several-in-one")
    if isinstance(value, tuple) and len(value) == 1 and np.ndim(value[0]):
        look = "A comma at the end of the line made a tuple of one array. Take it away."
        raise NotYet(expected=wanted, found=describe(value), look=look, mistake="trailing-comma")
    try:
        array = np.asarray(value)
    except Exception as error:
        raise NotYet(expected=wanted, found=describe(value), look=look, mistake="no-array") from error
    array = plain_floats(array)
    if array.dtype.kind not in "fiub":
        raise NotYet(expected=wanted, found=describe(value), look=look, mistake="no-array")
    return array


def call(function, *arguments, name="your function", changed: set[int] | None = None) -> np.ndarray:
    """The value of a learner's function as an array of numbers; NotYet if it returns nothing.

    It gets copies of arrays. changed: takes up which of them, by their place, it has changed (see handed.py).
    """
    handed = copies_of(arguments)
    value = function(*handed)
    if changed is not None:
        changed |= changed_ones(function, handed, arguments)
    if value is None:
        raise NotYet(
            expected=f"{name} returns its result",
            found="None",
            look="the return at the end of the function",
            mistake="no-return",
        )
    return as_array(value, f"the result of {name}")


def fits(shape: tuple, wanted: tuple) -> bool:
    """Whether a shape is the wanted one, None standing for any length."""
    return len(shape) == len(wanted) and all(w in (None, s) for s, w in zip(shape, wanted, strict=True))


def shape_text(shape: tuple) -> str:
    """A shape for people: (any, 28, 28)."""
    return (
        "(" + ", ".join("any" if side is None else str(side) for side in shape) + ("," if len(shape) == 1 else "") + ")"
    )


def _functional(keras):
    from tf_keras.src.engine.functional import Functional

    return Functional


def _call_it(function) -> str:
    name = str(getattr(function, "__name__", ""))
    return f"This is a function that makes something: call it, `{name if name.isidentifier() else 'it'}(...)`."


def _not_a_model(value, keras) -> str:
    module = type(value).__module__
    if module.startswith(("keras.", "keras_core.")):
        return "This model comes from another Keras. The course's is `import tf_keras as keras`; restart the kernel."
    if isinstance(value, keras.layers.Layer):
        return "This is one layer. Put it into keras.Sequential([...])."
    if type(value).__name__.endswith("KerasTensor"):
        return "This is a tensor inside a network. A model needs both ends: keras.Model(input, output)."
    if isinstance(value, keras.callbacks.History):
        return "`fit` gives back a record of the training. The model is what stands in front of `.fit`."
    if callable(value):
        return _call_it(value)
    return "Build it with keras.Sequential([...]) or keras.Model(input, output)."
