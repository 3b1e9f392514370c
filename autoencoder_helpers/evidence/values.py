"""Values as data: what a function is called with and what it returns, as a JSON tree and a list of arrays.

Numbers, text, lists, tuples, dictionaries, arrays, tensors and networks cross; any other object is represented
by a short description of what it is.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import numpy as np
from autoencoder_helpers.evidence.messages import DTYPES, BadMessage, part_of

_DEEPEST = 20
_LONGEST = 1000
_MANY = 8
_MOST_MODELS = 8


#: What `describe` says of most objects. Anything else was written by whoever sent it.
_WHAT_IT_IS = re.compile(
    r"(?:an object of type|the class) [^\W\d]\w{0,60}|[^\W\d]\w{0,60} of shape \((?:None|[\d, ]){0,60}\)"
)


def quoted(text: str) -> str:
    """What another process said, in quotation marks that it cannot leave: it is not ours."""
    text = text.replace("\N{RIGHT DOUBLE QUOTATION MARK}", "'")
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"


class Opaque:
    """Stands for an object that did not cross: ``description`` says in a few words what it was.

    said: the same for people, quoted unless it is what `describe` says.
    """

    def __init__(self, description: str):
        self.description = description
        self.said = description if _WHAT_IT_IS.fullmatch(description) else quoted(description)


class Recorder:
    """Stands in for a decoder: remembers the shape of what it is asked, and answers with one grey image.

    To find out why a learner's function failed with a real decoder.
    """

    def __init__(self, image_shape: tuple[int, ...]):
        self.image_shape = tuple(image_shape)
        self.shape: tuple[int, ...] | None = None

    def __call__(self, z, *args, **kwargs):
        self.shape = np.shape(z)
        return np.full((1, *self.image_shape), 0.5, np.float32)

    predict = predict_on_batch = __call__


def encode(value: Any, arrays: list[np.ndarray], describe=lambda value: type(value).__name__) -> Any:
    """Return ``value`` as a JSON-ready tree; its arrays are appended to ``arrays``.

    describe: says in a few words what an object is that cannot cross.
    """
    return _encode(value, arrays, describe, 0)


def _encode(value, arrays, describe, depth):
    before = len(arrays)
    try:
        return _crossing(value, arrays, describe, depth)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # noqa: BLE001 - a stranger's object may raise, whatever it is asked
        del arrays[before:]
        return {"opaque": str(describe(value))[:_LONGEST]}


def _crossing(value, arrays, describe, depth):
    if depth > _DEEPEST:
        return {"opaque": "something nested too deeply"}
    if value is None or type(value) in (bool, str):
        return value[:_LONGEST] if isinstance(value, str) else value
    if type(value) is int and abs(value) < 2**63:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (list, tuple)) and len(value) <= _LONGEST:
        kind = "list" if isinstance(value, list) else "tuple"  # a named tuple, too
        numbers = _plain_array(value) if len(value) >= _MANY else None
        if numbers is not None and numbers.ndim:  # an image as lists of lists: not a part for each pixel
            arrays.append(numbers)
            return {kind: len(arrays) - 1}
        return {kind: [_encode(part, arrays, describe, depth + 1) for part in value]}
    if isinstance(value, dict) and len(value) <= _LONGEST:
        pairs = [[str(key)[:_LONGEST], _encode(part, arrays, describe, depth + 1)] for key, part in value.items()]
        return {"dict": pairs}
    if isinstance(value, Recorder):
        return {"recorder": list(value.image_shape)}
    if _is_model(value):
        from autoencoder_helpers.evidence.description import NotDescribable, describe_models

        try:
            description, weights = describe_models({"model": value})
        except NotDescribable as reason:
            return {"opaque": str(reason)}
        first = len(arrays)
        arrays.extend(weights)
        return {"model": description, "arrays": [first, len(weights)]}
    array = _plain_array(value)
    if array is None:
        return {"opaque": str(describe(value))[:_LONGEST]}
    arrays.append(array)
    return {"tensor" if _is_tensor(value) else "array": len(arrays) - 1}


def decode(tree: Any, arrays: list[np.ndarray]) -> Any:
    """Return the value that ``encode`` made ``tree`` of. Raises BadMessage for any other tree."""
    return _decode(tree, _Once(arrays), 0)


class _Once:
    """The arrays of a message, each of which a value may take once, as ``encode`` writes them.

    Otherwise a text of 4 MB could ask for a million copies of an array of 60 MB.
    """

    def __init__(self, arrays):
        self._arrays, self._taken, self._models = arrays, set(), 0

    def array(self, index) -> np.ndarray:
        if type(index) is not int or not 0 <= index < len(self._arrays) or index in self._taken:
            raise BadMessage("an array that is not there")
        self._taken.add(index)
        return self._arrays[index].copy()  # what came is read-only; a function may work in place

    def weights(self, span) -> list[np.ndarray]:
        self._models += 1
        if self._models > _MOST_MODELS:
            raise BadMessage("more networks than any answer has")
        return part_of(self._arrays, span)


def _decode(tree, arrays, depth):
    if depth > _DEEPEST + 1:
        raise BadMessage("a value nested too deeply")
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    if not isinstance(tree, dict) or not tree:
        raise BadMessage("a value of no known kind")
    kind, content = next(iter(tree.items()))
    if kind in ("list", "tuple") and type(content) is int:
        parts = arrays.array(content).tolist()
        if not isinstance(parts, list):
            raise BadMessage("one number in place of many")
        return tuple(parts) if kind == "tuple" else parts
    if kind in ("list", "tuple") and isinstance(content, list):
        parts = [_decode(part, arrays, depth + 1) for part in content]
        return tuple(parts) if kind == "tuple" else parts
    if kind == "dict" and isinstance(content, list):
        if not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in content):
            raise BadMessage("a dictionary without keys")
        return {key: _decode(part, arrays, depth + 1) for key, part in content}
    if kind == "float" and content in ("nan", "inf", "-inf"):
        return float(content)
    if kind == "opaque" and isinstance(content, str):
        return Opaque(content[:_LONGEST])
    if kind == "recorder" and isinstance(content, list) and all(type(side) is int for side in content):
        return Recorder(tuple(content))
    if kind in ("array", "tensor"):
        array = arrays.array(content)
        if kind == "array":
            return array
        import tensorflow as tf

        return tf.constant(array)
    if kind == "model":
        from autoencoder_helpers.evidence.rebuilding import rebuild_models
        from autoencoder_helpers.evidence.refusals import Refused

        weights = arrays.weights(tree.get("arrays"))
        try:
            return rebuild_models(content, weights)["model"]
        except (Refused, KeyError) as reason:
            return Opaque(f"a network that was refused: {reason}"[:_LONGEST])
    raise BadMessage("a value of no known kind")


def is_still(array: np.ndarray, before: np.ndarray) -> bool:
    """Whether an array has kept its values, up to what rounding leaves of a change that was taken back."""
    return array.shape == before.shape and np.allclose(array, before, rtol=1e-4, atol=1e-6, equal_nan=True)


def plain_floats(array: np.ndarray) -> np.ndarray:
    """``array``, but with numbers of a usual precision: bfloat16 becomes float32, a long double float64."""
    if array.dtype.name == "bfloat16":  # ml_dtypes': the half precision of newer processors
        return array.astype(np.float32)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:  # of another format on each machine
        return array.astype(np.float64)
    return array


def _is_model(value) -> bool:
    keras = sys.modules.get("tf_keras")  # where it is not loaded, nothing is a network; loading it takes seconds
    return keras is not None and isinstance(value, keras.Model)


def _is_tensor(value) -> bool:
    tf = sys.modules.get("tensorflow")
    return tf is not None and isinstance(value, (tf.Tensor, tf.Variable))


def _plain_array(value) -> np.ndarray | None:
    """``value`` as an array of numbers in native byte order; None if it is none."""
    try:
        array = np.asarray(value)
    except Exception:  # noqa: BLE001 - a stranger's object may raise anything
        return None
    array = plain_floats(array)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array if array.dtype.name in DTYPES else None
