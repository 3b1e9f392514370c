"""`dense.pca`: images written with 2 principal components and restored."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.pca",
    points=1,
    title="PCA writes an image with 2 numbers and restores it",
    answers={"pca_reconstruct": Function()},
)
def pca(step, pca_reconstruct):
    basis = step.rng.normal(size=(5, 30))
    offset = step.rng.uniform(2, 3, 30)
    # Flat enough that 90 % of the variance, too, need more than 2 components: a share is not asked for.
    scales = np.array([3.0, 2.5, 2.0, 1.5, 1.0])
    x_train = (step.rng.normal(size=(120, 5)) * scales) @ basis + offset
    x = (step.rng.normal(size=(25, 5)) * scales) @ basis + offset
    wanted = _restored(x_train, x)
    with step("It returns an array as large as x"):
        changed = set()
        found = call(pca_reconstruct, x_train, x, name="pca_reconstruct", changed=changed)
        step.expect(
            found.shape != (25, 2),
            expected="the restored images, shape (25, 30)",
            found="the 2 numbers of each image, shape (25, 2)",
            look="There is a way back: inverse_transform.",
            mistake="codes-not-images",
        )
        step.expect(
            found.shape == x.shape,
            expected=f"shape {x.shape}",
            found=found.shape,
            look="which images come back: those of x, not those of x_train",
            mistake="wrong-shape",
        )
    with step("The images are restored from 2 components, the mean included", points=1):

        def is_near(other):
            return np.allclose(found, other, rtol=1e-3, atol=1e-3)

        for other, mistake, expected, what, look in _known_mistakes(x_train, x, wanted):
            step.expect(not is_near(other), expected=expected, found=what, look=look, mistake=mistake)
        step.expect(
            is_near(wanted),
            expected="the images that 2 principal components restore",
            found="other numbers",
            look="fit on x_train, transform x, transform back",
            mistake="wrong-value",
        )
        expect_unchanged(
            step, changed, "x_train", "x", look="x - mean makes a new array; x -= mean changes the old one."
        )


def _restored(x_train, x, count=2):
    """x, restored from the first `count` principal components of x_train."""
    mean = x_train.mean(axis=0)
    components = np.linalg.svd(x_train - mean, full_matrices=False)[2][:count]
    return (x - mean) @ components.T @ components + mean


def _known_mistakes(x_train, x, wanted):
    """Rows of (what the mistake gives, slug, what was expected, what was found, where to look)."""
    uncentred = np.linalg.svd(x_train, full_matrices=False)[2][:2]
    return (
        (wanted - x_train.mean(axis=0), "mean-not-restored", "images around the mean image",
         "images around 0: the mean was taken away and not put back", "add the mean at the end"),
        (x @ uncentred.T @ uncentred, "not-centred", "components of the centred images",
         "components of images that were not centred", "Subtract the mean training image first."),
        (_restored(x, x), "fitted-on-test-images", "components of x_train",
         "components of x itself", "Fit on x_train, then transform x: test images must not shape the components."),
        (x, "wrong-number-of-components", "2 components", "all components, and so the images themselves",
         "n_components=2"),
        *((_restored(x_train, x, count), "wrong-number-of-components", "2 components", f"{count} of them",
           "n_components=2; a number below 1 asks for a share of the variance")
          for count in (1, 3, 4)),
    )  # fmt: skip
