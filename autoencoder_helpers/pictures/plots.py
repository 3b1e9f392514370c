"""The pictures of the course. Axes in, axes out; one look (:mod:`autoencoder_helpers.pictures.style`), never set
globally.

Every function takes NumPy arrays (or tensors), draws on ``ax`` or on a new figure, and returns the matplotlib
Axes (many-panel pictures: the Figure). :func:`show` puts the result into the notebook with a text for people
who do not see it.
"""

from autoencoder_helpers.pictures.canvas import panels
from autoencoder_helpers.pictures.image_plots import image_rows, manifold, stages
from autoencoder_helpers.pictures.latent_plots import factor_heatmap, latent_plane, posterior_ellipses
from autoencoder_helpers.pictures.loss_plots import elbo_curves, estimate_histogram, loss_curves, loss_ruler
from autoencoder_helpers.pictures.showing import picture, show

__all__ = [
    "elbo_curves",
    "estimate_histogram",
    "factor_heatmap",
    "image_rows",
    "latent_plane",
    "loss_curves",
    "loss_ruler",
    "manifold",
    "panels",
    "picture",
    "posterior_ellipses",
    "show",
    "stages",
]
