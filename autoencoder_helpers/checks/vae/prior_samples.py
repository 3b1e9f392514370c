"""`vae.prior_samples`: new digits from the prior alone."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.numbers import in_words
from autoencoder_helpers.checks.vae.sizes import IMAGE, PIXELS

_FEW = 7


@rule(
    "vae.prior_samples",
    points=1,
    title="New digits come from the prior alone",
    answers={"draw_digits": Function()},
    builds_on=("prior",),
)
def prior_samples(step, draw_digits):
    count = 2000
    decoder, kernel = _probe_decoder(step.rng)
    with step("It returns as many images as asked for"):
        found = call(draw_digits, count, decoder, name="draw_digits")
        step.expect(
            found.shape != (count, 2),
            expected=f"images of shape ({count}, 28, 28, 1)",
            found=f"latent vectors, shape ({count}, 2)",
            look="decode them",
            mistake="codes-not-images",
        )
        step.expect(
            found.shape == (count, *IMAGE),
            expected=f"shape ({count}, 28, 28, 1) for count = {count}",
            found=f"shape {found.shape}",
            look="how many latent vectors are drawn: count, the function's argument",
            mistake="wrong-count" if found.shape[1:] == IMAGE else "wrong-shape",
        )
    with step("The images are decoded by the decoder it is given"):
        flat = found.reshape(count, -1).astype(float)
        z, *_ = np.linalg.lstsq(kernel.T, flat.T, rcond=None)
        z = z.T
        step.expect(
            np.abs(z @ kernel - flat).max() < 1e-2 * (1 + np.abs(flat).max()),
            expected="what the given decoder makes of latent vectors",
            found="other images",
            look="Use the argument `decoder`, not a network of the notebook.",
            mistake="other-decoder",
        )
    # Whoever draws from elsewhere has missed the point of the exercise: then nothing is left to be half right.
    with step("Their latent vectors are draws from the prior: standard normal and independent", points=0.5):
        mean, stddev = z.mean(axis=0), z.std(axis=0)
        different = len(np.unique(z.round(3), axis=0))
        step.expect(
            different > count / 2,
            expected=f"{count} draws",
            found=f"one and the same latent vector {count} times"
            if different == 1
            else f"only {different} latent vectors that differ, among {count}",
            look=f"draw `count` vectors, not {different}",
            mistake="one-draw-for-all",
        )
        step.expect(
            # Of draws that spread too far the means are further from 0, too, by chance.
            float((np.abs(mean) / np.maximum(stddev, 1)).max()) < 0.12,
            expected="latent vectors with mean 0",
            found=f"means {in_words(mean)}",
            look="Draw from the prior. Clouds of images, for instance, lie elsewhere.",
            mistake="mean-not-zero",
        )
        step.expect(
            float(np.abs(stddev - 1).max()) < 0.09,
            expected="latent vectors with standard deviation 1",
            found=f"standard deviations {in_words(stddev)}",
            look="Draw from the prior: not from a cloud, not evenly from a square.",
            mistake="stddev-not-one",
        )
        correlation, of_squares = (float(np.corrcoef(numbers.T)[0, 1]) for numbers in (z, z**2))
        step.expect(
            abs(correlation) < 0.12 and abs(of_squares) < 0.25,
            expected="two independent numbers in each latent vector",
            found=f"correlation {correlation:.2f}, of their squares {of_squares:.2f}",
            look="two numbers are drawn for each image, not one number twice",
            mistake="correlated",
        )
        inside = np.mean(np.abs(z) < 1)
        step.expect(
            abs(inside - 0.6827) < 0.05,
            expected="normal numbers: 68 percent within one standard deviation",
            found=f"{100 * inside:.0f} percent",
            look="a normal distribution, not an even one",
            mistake="not-normal",
        )
        # A little beyond 2, where what was cut off at 2 lies: reading it off an image moves it by a millionth, up or down.
        outside = np.mean(np.abs(z) > 2.01)
        step.expect(
            abs(outside - 0.0444) < 0.02,
            expected="normal numbers: 5 percent beyond two standard deviations",
            found=f"{100 * outside:.0f} percent",
            look="the prior as it is: nothing of it cut off",
            mistake="not-normal",
        )
    with step("Each call draws anew", points=0.5):
        again = call(draw_digits, count, decoder, name="draw_digits")
        step.expect(
            again.shape != found.shape or np.abs(again - found).max() > 1e-6,
            expected="other images in the second call",
            found="the same images again",
            look="a fixed seed, or latent vectors drawn once outside the function",
            mistake="same-each-time",
        )
        few = call(draw_digits, _FEW, decoder, name="draw_digits")
        step.expect(
            few.shape == (_FEW, *IMAGE),
            expected=f"shape ({_FEW}, 28, 28, 1) for count = {_FEW}",
            found=f"shape {few.shape}",
            look="how many latent vectors are drawn: count, the function's argument",
            mistake="wrong-count",
        )


def _probe_decoder(rng):
    """(decoder, kernel): a network whose image is a linear map of z, so that z can be read off the image."""
    import tf_keras as keras

    layers = keras.layers
    decoder = keras.Sequential(
        [layers.Input((2,)), layers.Dense(PIXELS, use_bias=False), layers.Reshape(IMAGE)], name="decoder"
    )
    kernel = rng.normal(size=(2, PIXELS)).astype(np.float32)
    decoder.set_weights([kernel])
    return decoder, kernel.astype(np.float64)
