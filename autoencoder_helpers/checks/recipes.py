"""Networks that are refused before a rule can look at them, in the words of an encoder that ends in a distribution.

Most recipes for a variational autoencoder, in books and on the web, draw by hand: three outputs, a sampling layer, a KL
from `add_loss`. Here one layer does all that, and a card that speaks of rebuilding would not say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from autoencoder_helpers.checks.rule import NotYet

# What Keras says at the end of an error that came from inside a layer.
_LAYER_IN_ERROR = re.compile(r"\(type (\w+)\).*inputs=[^\n]*shape=\([^)\n]*?(\d+)\)", re.DOTALL)


@dataclass(frozen=True)
class EndsInDistribution:
    """What to say of a refused network whose encoder should end in a distribution layer.

    layer: that layer in code. numbers: how many it takes. what: what these are, in words.
    """

    layer: str
    numbers: int
    what: str

    def of_model(self, model) -> NotYet | None:
        """The words for a network that is refused; None if nothing here is known of it."""
        import tf_keras as keras

        if type(model) is not keras.Sequential and not getattr(model, "_is_graph_network", False):
            return self._own_sampling("a class of your own", "subclassed-model")
        width = self._width_given(model)
        if width not in (None, self.numbers):
            return self._wrong_width(width)
        kinds = [type(layer).__name__ for layer in _all_layers(model)]
        if "DistributionLambda" in kinds:
            return self._own_sampling("a DistributionLambda, which holds a function of your own")
        if len(model.outputs or ()) > 1:
            return self._own_sampling(
                f"{len(model.outputs)} outputs, as in recipes that hand on means, logarithms of variances and draws"
            )
        if self._kind not in kinds and self._draws(model):
            return self._own_sampling("a layer or function of your own that draws")
        if model._callable_losses or "AddLoss" in kinds or self._adds(model):
            return self._own_sampling("a KL of your own, from `add_loss`", "own-kl")
        return None

    def of_error(self, error: str) -> NotYet | None:
        """The words for a cell that ended in this error, where it is one of the distribution layer."""
        found = _LAYER_IN_ERROR.search(error)
        if found is None or found[1] != self._kind or int(found[2]) == self.numbers:
            return None
        return self._wrong_width(int(found[2]))

    @property
    def _kind(self) -> str:
        return self.layer.partition("(")[0].rpartition(".")[2]

    def _own_sampling(self, found, mistake="own-sampling"):
        return NotYet(
            expected=f"a network that ends in `{self.layer}`, or holds one that does",
            found=found,
            look=f"The layer `{self.layer}` samples for you, and its `activity_regularizer` adds the KL: "
            f"give it {self.numbers} numbers from a Dense layer; nothing else draws or adds.",
            mistake=mistake,
        )

    def _wrong_width(self, width):
        return NotYet(
            expected=f"{self.numbers} numbers in front of `{self.layer}`: {self.what}",
            found=f"{width}",
            look=f"the width of the last Dense layer: {self.layer.partition('(')[0]}.params_size(...)",
            mistake="too-few-parameters" if width < self.numbers else "too-many-parameters",
        )

    def _width_given(self, model) -> int | None:
        """How many numbers the network gives to such a layer; None if it has none."""
        for layer in _all_layers(model):
            if type(layer).__name__ == self._kind:
                shape = getattr(layer, "input_shape", None) or getattr(layer, "_build_input_shape", None)
                with_width = isinstance(shape, tuple) and isinstance(shape[-1], int)
                return shape[-1] if with_width else None
        return None

    def _draws(self, model) -> bool:
        """Whether two calls with the same images give different numbers."""
        try:
            first, second = (_numbers(model(_images(model), training=False)) for _ in range(2))
            return any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        except Exception:  # noqa: BLE001 - a network that cannot be run draws nothing
            return False

    def _adds(self, model) -> bool:
        """Whether a call adds a loss, although no regularizer of Keras or TFP does."""
        try:
            model(_images(model), training=False)
            return bool(model.losses) and not any(
                getattr(layer, name, None) is not None
                for layer in _all_layers(model)
                for name in ("activity_regularizer", "kernel_regularizer", "bias_regularizer")
            )
        except Exception:  # noqa: BLE001
            return False


def _images(model):
    shape = [side or 1 for side in model.input_shape[1:]]
    return np.random.default_rng(1).random((2, *shape)).astype(np.float32)


def _numbers(outputs) -> list[np.ndarray]:
    return [np.asarray(output) for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def _all_layers(model) -> list:
    return [part for layer in model.layers for part in (_all_layers(layer) if hasattr(layer, "layers") else [layer])]
