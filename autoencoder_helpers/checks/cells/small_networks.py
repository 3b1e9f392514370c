"""Small networks with random weights, for rules that hand a function an encoder and a decoder of cells."""

from dataclasses import dataclass

import numpy as np
from autoencoder_helpers.checks.cells.sizes import GENES, LATENT


@dataclass(frozen=True, eq=False)
class SmallNetworks:
    """765 expression values -> the middle of a cloud, `spread` wide in each direction -> shares of 765 genes.

    looking: (765, 2). painting, biases: (2, 765) and (765,), before the softmax.
    """

    looking: np.ndarray
    painting: np.ndarray
    biases: np.ndarray
    spread: float

    def means(self, x) -> np.ndarray:
        """The middle of each cell's cloud, float64 (cells, 2)."""
        return x.astype(np.float64) @ self.looking

    def shares(self, means) -> np.ndarray:
        """Decoded shares, float64 (points, 765)."""
        logits = means @ self.painting + self.biases
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def built(self):
        """(encoder, decoder), tf_keras models of the same numbers."""
        import tensorflow_probability as tfp
        import tf_keras as keras

        layers = keras.layers
        encoder = keras.Sequential(
            [layers.Input((GENES,)), layers.Dense(2 * LATENT), tfp.layers.IndependentNormal(LATENT)]
        )
        before_softplus = np.log(np.expm1(self.spread))
        encoder.set_weights(
            [np.concatenate([self.looking, 0 * self.looking], axis=1), np.repeat([0.0, before_softplus], LATENT)]
        )
        decoder = keras.Sequential([layers.Input((LATENT,)), layers.Dense(GENES, activation="softmax")])
        decoder.set_weights([self.painting, self.biases])
        return encoder, decoder


def small_networks(rng, counts: np.ndarray, spread: float) -> SmallNetworks:
    """Networks whose shares lie near those of all `counts` together, and whose K differs from cell to cell as much as R."""
    pooled = counts.sum(axis=0) + 1
    looking, painting = rng.normal(0, 0.5, (GENES, LATENT)), rng.normal(0, 0.03, (LATENT, GENES))
    return SmallNetworks(looking, painting, np.log(pooled / pooled.sum()), spread)
