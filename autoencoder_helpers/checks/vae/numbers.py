"""Numbers: near ones, numbers in a message, and the logarithm of a normal density."""

import numpy as np


def about(value, wanted, tolerance) -> bool:
    """Whether two numbers are at most `tolerance` apart; nan is near nothing."""
    return bool(abs(value - wanted) <= tolerance)


def in_words(values) -> str:
    """Numbers for a message."""
    return " and ".join(f"{value:.2f}" for value in np.ravel(values))


def two_digits(value) -> str:
    """A measured number for a message: 0.51, 2, 380."""
    return f"{float(f'{value:.2g}'):g}"


def log_normal(z, mean, stddev):
    """Log density of independent normal numbers, summed over the last axis."""
    return (-np.log(stddev) - ((z - mean) / stddev) ** 2 / 2 - np.log(2 * np.pi) / 2).sum(axis=-1)
