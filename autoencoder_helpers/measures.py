"""The quantities of the course, computed by the course itself.

Everything here is plain NumPy in float64 and depends on no network library, so that a number which a check
or a chapter reports does not rest on the code that it judges. Units are nats (natural logarithms). "Per
image" means summed over all pixels and colour channels of an image; divide by ``pixels(x)`` to get nats
per pixel.
"""

import numpy as np
from autoencoder_helpers.errors import CourseError

EPSILON = 1e-7  # Keras clips probabilities at the same distance from 0 and 1
_MOST_COUNTS = 1_000_000  # of one gene in one cell
_CHUNK_VALUES = 200_000  # float64 values worked on at once: 1.6 MB, which stay in the fast part of the memory


def pixels(x):
    """Number of values in one image of the batch ``x``, shape (N, ...): 784 for MNIST, 19,200 for the
    flowers.
    """
    return int(np.prod(np.shape(x)[1:], dtype=np.int64))


def bce_per_image(x, p, epsilon=EPSILON):
    """Binary cross-entropy of each image, summed over its pixels, in nats.

    sum over i of [-x_i ln p_i - (1 - x_i) ln(1 - p_i)], with p clipped to [epsilon, 1 - epsilon].

    x: images, p: predictions in [0, 1], both of shape (N, ...); p may also be a single image, shape (1, ...),
    that is compared with every x. Returns float64 of shape (N,).
    Raises CourseError for shapes that do not match, values outside [0, 1], and values that are not finite.
    """
    x, p = _images(x, "x"), _images(p, "p")
    if x.shape[1:] != p.shape[1:] or len(p) not in (1, len(x)):
        raise CourseError(
            f"Images of shape {x.shape} cannot be compared with predictions of shape {p.shape}; "
            "give one prediction for each image, in the same shape."
        )
    _chunks_in_range(x, "x")
    _chunks_in_range(p, "p")
    result = np.empty(len(x))
    for part in _parts(x):
        target = np.asarray(x[part], dtype=np.float64)
        clipped = np.clip(np.asarray(p if len(p) == 1 else p[part], dtype=np.float64), epsilon, 1 - epsilon)
        losses = -target * np.log(clipped) - (1 - target) * np.log1p(-clipped)
        result[part] = losses.reshape(len(target), -1).sum(axis=1)
    return result


def entropy_per_image(x):
    """The floor of the binary cross-entropy: what is left when the prediction equals the image, in nats.

    sum over i of h(x_i) with h(x) = -x ln x - (1 - x) ln(1 - x) and h(0) = h(1) = 0. No clipping.
    x: images in [0, 1] of shape (N, ...). Returns float64 of shape (N,).
    """
    x = _images(x, "x")
    _chunks_in_range(x, "x")
    result = np.empty(len(x))
    for part in _parts(x):
        value = np.asarray(x[part], dtype=np.float64)
        grey = (value > 0) & (value < 1)
        inside = np.where(grey, value, 0.5)  # any inner value: masked out in the next line
        losses = np.where(grey, -inside * np.log(inside) - (1 - inside) * np.log1p(-inside), 0.0)
        result[part] = losses.reshape(len(value), -1).sum(axis=1)
    return result


def mean_image(x):
    """The mean image of the batch ``x``, shape (N, ...) -> (1, ...), float64."""
    x = _images(x, "x")
    total = np.zeros(x.shape[1:])
    for part in _parts(x):
        total += np.asarray(x[part], dtype=np.float64).sum(axis=0)
    return (total / len(x))[np.newaxis]


def mean_image_baseline(x_train, x_test, epsilon=EPSILON):
    """Loss of a model that knows nothing but the mean training image: one float, nats per image, mean over
    x_test.

    Of all predictions that are the same for every image, the mean image has the lowest binary
    cross-entropy on the images it was taken from; whoever does better has used the image.
    """
    return float(bce_per_image(x_test, mean_image(x_train), epsilon).mean())


def share_explained(loss, baseline, floor):
    """The share of the explainable loss that a model explains: (baseline - loss) / (baseline - floor).

    0 at the baseline, 1 at the floor, below 0 for models worse than the baseline. All three in the same unit
    (any unit: it cancels); loss without the KL. Scalars or arrays; returns float64.
    """
    if np.any(np.asarray(baseline) <= np.asarray(floor)):
        raise CourseError(
            f"The baseline ({baseline}) must lie above the floor ({floor}); check the order of arguments."
        )
    return (np.float64(baseline) - np.asarray(loss, dtype=np.float64)) / (np.float64(baseline) - floor)


def gaussian_kl(mean, stddev):
    """KL divergence of N(mean, diag stddev^2) from N(0, I) for each row, in nats.

    sum over j of [(mean_j^2 + stddev_j^2 - 1) / 2 - ln stddev_j]  (Kingma and Welling 2014, appendix B).
    mean, stddev: shape (N, d), stddev positive. Returns float64 of shape (N,).
    """
    mean, stddev = np.asarray(mean, dtype=np.float64), np.asarray(stddev, dtype=np.float64)
    if mean.ndim != 2 or mean.shape != stddev.shape:
        raise CourseError(
            f"Means of shape {mean.shape} and standard deviations of shape {stddev.shape}: "
            "both must have shape (images, latent variables)."
        )
    if not np.all(stddev > 0):
        raise CourseError("A standard deviation must be positive.")
    return ((mean**2 + stddev**2 - 1) / 2 - np.log(stddev)).sum(axis=1)


def gaussian_kl_tril(mean, L):
    """KL divergence of N(mean, L L^T) from N(0, I) for each row, in nats.

    (trace(L L^T) + mean^T mean - d) / 2 - sum over j of ln L_jj, where trace(L L^T) is the sum of all
    squared entries. mean: shape (N, d); L: lower triangles with a positive diagonal, shape (N, d, d).
    Returns float64 of shape (N,).
    """
    mean, L = np.asarray(mean, dtype=np.float64), np.asarray(L, dtype=np.float64)
    if mean.ndim != 2 or L.shape != mean.shape + mean.shape[-1:]:
        raise CourseError(
            f"Means of shape {mean.shape} and triangles of shape {L.shape}: expected (N, d) and (N, d, d)."
        )
    diagonal = np.diagonal(L, axis1=1, axis2=2)
    if not np.all(diagonal > 0):
        raise CourseError("The diagonal of a scale triangle must be positive.")
    if np.any(np.triu(L, k=1) != 0):
        raise CourseError("A scale triangle must be lower triangular; found values above the diagonal.")
    squares = (L**2).sum(axis=(1, 2)) + (mean**2).sum(axis=1)
    return (squares - mean.shape[1]) / 2 - np.log(diagonal).sum(axis=1)


def poisson_per_cell(counts, means):
    """Negative log probability of each cell's counts under independent Poisson distributions, in nats.

    sum over genes of [m - x ln m + ln x!], with 0 ln 0 = 0. A count above 0 where the mean is 0 costs infinitely much.

    counts: whole numbers, 0 or more, (cells, genes). means: of the same shape, 0 or more. Returns float64 (cells,).
    Raises CourseError for shapes that do not match, and for counts that are no counts.
    """
    counts, means = np.asarray(counts, dtype=np.float64), np.asarray(means, dtype=np.float64)
    if counts.ndim != 2 or counts.shape != means.shape:
        raise CourseError(
            f"Counts of shape {counts.shape} and means of shape {means.shape}: both must be cells by genes."
        )
    if not (counts >= 0).all() or (counts != np.rint(counts)).any() or counts.max(initial=0) > _MOST_COUNTS:
        raise CourseError("Counts must be whole numbers, 0 or more; found others.")
    with np.errstate(divide="ignore"):
        logarithms = np.where(counts > 0, counts * np.log(np.where(counts > 0, means, 1)), 0.0)
    return (means - logarithms + log_factorials(counts)).sum(axis=1)


def log_factorials(counts):
    """ln x! of whole numbers x from 0 to a million, float64 of the same shape."""
    counts = np.asarray(counts)
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(counts.max(initial=0)) + 1)))])
    return table[counts.astype(np.int64)]


def mse_per_pixel(x, reconstruction):
    """Mean squared error over all images and pixels, one float (squared grey levels). Shapes must be
    equal.
    """
    x, reconstruction = _images(x, "x"), _images(reconstruction, "reconstruction")
    if x.shape != reconstruction.shape:
        raise CourseError(f"Images of shape {x.shape} cannot be compared with shape {reconstruction.shape}.")
    total = 0.0
    for part in _parts(x):
        total += np.square(np.asarray(x[part], dtype=np.float64) - reconstruction[part]).sum()
    return float(total / x.size)


def effective_beta(multiplier, weight, counted, values_per_image):
    """The weight of the KL against the reconstruction, both in nats per image: counted * weight * values /
    multiplier.

    A loss (multiplier x mean over the values of an image) + counted x weight x KL has the same minimum as
    R + beta K. MNIST x 784 with weight 0.5, counted twice: 1. Flowers x 6,400 with weight 0.0002, counted
    twice: 0.0012.
    """
    return float(counted * weight * values_per_image / multiplier)


def nearest_distance(points, codes):
    """Euclidean distance of each point to the nearest code. points (M, d), codes (N, d) -> float64 (M,)."""
    points, codes = np.asarray(points, dtype=np.float64), np.asarray(codes, dtype=np.float64)
    if points.ndim != 2 or codes.ndim != 2 or points.shape[1] != codes.shape[1]:
        raise CourseError(
            f"Points of shape {points.shape} and codes of shape {codes.shape}: "
            "both must have shape (count, latent variables)."
        )
    return np.array([np.linalg.norm(codes - point, axis=1).min() for point in points])


def _images(x, name):
    x = np.asarray(x)
    if x.ndim < 2 or x.size == 0:
        raise CourseError(f"{name} has shape {x.shape}; expected a batch of images, shape (N, ...), N at least 1.")
    if not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
        raise CourseError(f"{name} holds {x.dtype}; expected numbers.")
    return x


def _parts(x):
    rows = max(1, _CHUNK_VALUES // max(1, pixels(x)))
    return [slice(start, start + rows) for start in range(0, len(x), rows)]


def _chunks_in_range(x, name):
    for part in _parts(x):
        low, high = x[part].min(), x[part].max()
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            raise CourseError(f"{name} ranges from {low:.4g} to {high:.4g}; expected values between 0 and 1.")
