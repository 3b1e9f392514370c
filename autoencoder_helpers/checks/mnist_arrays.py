"""What the arrays of MNIST's images are asked for: scaled once, all by one number, none of them moved."""

import numpy as np


def some_rows(step, images, most=500):
    """(row numbers, these rows) of a random part of a large array; enough to meet a white pixel for certain."""
    rows = np.sort(step.rng.choice(len(images), min(most, len(images)), replace=False))
    return rows, images.take(rows)


def expect_mnist_split(step, x_train, x_test, look):
    """Inside a step: fail unless the arrays have the lengths of MNIST's training and test set."""
    step.expect(
        len(x_train) == 60_000 and len(x_test) == 10_000,
        expected="60,000 images to train with and 10,000 to test with",
        found=f"{len(x_train):,} and {len(x_test):,}",
        look=look,
        mistake="wrong-split",
    )


def expect_scaled_once(step, name, array):
    """Inside a step: fail unless grey values are floating-point numbers that reach 1 and no further."""
    step.expect(
        array.dtype.kind == "f",
        expected=f"{name} of a floating-point type, such as float32",
        found=f"{array.dtype}, with values up to {array.max()}",
        look="Divide by 255; a whole-number type would cut every grey down to 0 or 1.",
        mistake="integers",
    )
    top, bottom = float(array.max()), float(array.min())
    step.expect(
        bottom >= 0,
        expected=f"{name} between 0 and 1",
        found=f"values down to {bottom:.3g}",
        look="Paper is 0 and ink is 1: nothing is subtracted, no mean either.",
        mistake="shifted",
    )
    step.expect(
        top <= 1.001,
        expected=f"{name} between 0 and 1",
        found=f"values up to {top:g}",
        look=f"Values reach {top:g}; a sigmoid reaches 1. Divide by 255.",
        mistake="not-scaled",
    )
    step.expect(
        top > 0.01,
        expected=f"{name} reaches 1",
        found=f"values up to {top:.4f}",
        look="Divided by 255 twice? Run the cell that loads the data again, then scale once.",
        mistake="scaled-twice",
    )
    step.expect(
        top > 0.95,
        expected=f"{name} reaches 1",
        found=f"values up to {top:.3f}",
        look="All images are divided by one number, 255: not each by its own length or sum.",
        mistake="other-scale",
    )
    step.expect(
        not np.isin(array, (0, 1)).all(),
        expected=f"{name} with greys between 0 and 1",
        found="0 and 1 only, and no grey between them",
        look="`/ 255` with one stroke: `// 255` and whole numbers cut every grey off. Is it a threshold?",
        mistake="no-greys",
    )
    if array.dtype == np.float64:
        step.note("float64 takes twice the memory of float32 and learns nothing more: `astype('float32')`.")


def expect_one_scale(step, found, wanted):
    """Inside a step: fail if each image is the right one, but for a factor, of its own or of all. Arrays, an image a row."""
    found, wanted = (array.reshape(len(array), -1).astype(np.float64) for array in (found, wanted))
    factors = (found * wanted).sum(1) / (wanted**2).sum(1)
    scaled = np.allclose(found, factors[:, None] * wanted, atol=1e-3)
    step.expect(
        np.ptp(factors) < 1e-3 or not scaled,
        expected="all images divided by one number, 255",
        found=f"each divided by a number of its own, from {255 / factors.max():.4g} to {255 / factors.min():.4g}",
        look="Divide by 255, not by each image's own largest value.",
        mistake="scaled-one-by-one",
    )
    divisor = 255 / float(np.median(factors))
    step.expect(
        not scaled or abs(divisor - 255) < 0.3,
        expected="images divided by 255",
        found=f"divided by {divisor:.4g}",
        look="A byte's largest value is 255, and it becomes 1.",
        mistake="other-scale",
    )
