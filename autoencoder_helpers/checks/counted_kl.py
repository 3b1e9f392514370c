"""How often what a network adds to its loss counts the KL of its encoder's clouds."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.clouds import clouds_of
from autoencoder_helpers.checks.models import added_to_loss, penalty_of_weights, with_fresh_weights

_SMALL_ERROR = 0.03  # of the ratio: four of it leave half of the KL and twice the KL far away
_TELLING = 0.05  # of the ratio, at most
_DRAWS = 8  # at most, of an estimate
_FEW = 50  # of the images, where the kind of answer matters and not its number
FAINT = 0.01  # nats: of a smaller KL, what float32 loses is no longer little


class CountedKL(NamedTuple):
    """How often the KL is counted, and the standard error of that, which is 0 where nothing is estimated."""

    ratio: float
    error: float


def counted_kl(network, encoder, x, one="image", batch_size=500) -> CountedKL:
    """What the network adds to its loss, over the exact KL of its clouds towards the standard normal.

    Both are means over x, of which whole batches of batch_size are seen. A network may add an estimate from one draw,
    whose variance for one image is the sum over latent variables of mean^2 stddev^2 + (1 - stddev^2)^2 / 2; what is the
    same when it is asked for again is none and has no error. Of estimates as many are averaged as the error needs.
    """
    batch_size = min(batch_size, len(x))
    batches = [x[start : start + batch_size] for start in range(0, len(x) - batch_size + 1, batch_size)]
    mean, stddev = clouds_of(encoder, np.concatenate(batches), one)
    exact = measures.gaussian_kl(mean, stddev).mean()
    penalty = penalty_of_weights(network)

    def ratio() -> float:
        return (float(np.mean([added_to_loss(network, batch) for batch in batches])) - penalty) / exact

    if not _is_estimated(network, batches[0][:_FEW]):
        return CountedKL(ratio(), 0.0)
    variance = (mean**2 * stddev**2 + (1 - stddev**2) ** 2 / 2).sum(axis=1).mean()
    error = float(np.sqrt(variance / len(mean)) / exact)
    draws = int(np.clip(np.ceil((error / _SMALL_ERROR) ** 2), 1, _DRAWS))
    return CountedKL(float(np.mean([ratio() for _ in range(draws)])), error / np.sqrt(draws))


def _is_estimated(network, x) -> bool:
    once, again = added_to_loss(network, x), added_to_loss(network, x)
    return bool(np.isfinite(once) and not np.isclose(once, again, rtol=1e-5, atol=0))


@contextmanager
def told_kl(network, encoder, x, rng, one="image"):
    """counted_kl of x, while inside the encoder has weights with which it can be told from half of it and from twice.

    Those that it has, in nearly all cases. Clouds that have all become the prior, as a weight far too large makes them,
    have a KL of about 0, of which any multiple is about 0, too: fresh weights tell how often it counts.
    """
    if measures.gaussian_kl(*clouds_of(encoder, x[:_FEW], one)).mean() > FAINT:
        found = counted_kl(network, encoder, x, one, len(x))
        if found.error <= _TELLING:
            yield found
            return
    with with_fresh_weights(encoder, rng):
        yield counted_kl(network, encoder, x, one, len(x))
