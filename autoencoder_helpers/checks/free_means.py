"""Whether the means of an encoder's clouds may be any number: nothing bends them behind their last layer."""

import numpy as np
from autoencoder_helpers.checks.answers import as_array
from autoencoder_helpers.checks.clouds import cloud_of
from autoencoder_helpers.checks.models import answers_to_scaling, last_with_weights, stages, with_random_weights

_EXPECTED = "means that may be any number"
_MISTAKE = "activation-on-parameters"


def expect_free_means(step, encoder, x, one="image"):
    """Inside a step: fail unless the means grow with what the last layer before them computes.

    A layer of its own for the standard deviations may bend them as it likes. x: some images, or cells; one: what each of
    them is called.
    """

    def means(model) -> np.ndarray:
        return as_array(cloud_of(model, x, one).mean())

    ends = [stage for stage in stages(encoder) if stage.layer in last_with_weights(encoder)] or stages(encoder)[-1:]
    for end in ends:
        if len(ends) > 1 and not _moves(encoder, end.layer, means, step.rng):
            continue
        step.expect(
            end.activation == "linear",
            expected=_EXPECTED,
            found=f"{end.activation} on the layer that makes them",
            look="the activation of the last Dense layer: none",
            mistake=_MISTAKE,
        )
        step.expect(
            end.kind != "Dense" or answers_to_scaling(encoder, end.layer, means),
            expected=_EXPECTED,
            found="means that do not grow with what the last Dense layer computes",
            look="What stands between the last Dense layer and the distribution? Nothing should.",
            mistake=_MISTAKE,
        )


def _moves(encoder, layer, means, rng) -> bool:
    """Whether the means are others where the layer has other weights."""
    found = []
    for _ in range(2):
        with with_random_weights(layer, rng):
            found.append(means(encoder))
    return not np.array_equal(*found)
