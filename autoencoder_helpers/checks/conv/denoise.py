"""`conv.denoise`, for practice: noise is added to what goes in, and a network that is told the clean image takes it away."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, Model, as_array, call
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.rule import rule

_NOISE = 0.5  # the standard deviation of the exercise
_FAINT = 0.04  # so little that nothing of a grey of 1/2 is cut off
_RIGHT = 0.045  # squared grey per pixel: right networks have 0.03, one that was shown noise as target more
_PAPER_SHADE = 0.1  # mean grey where the paper is white: noise cut off at 0 has 0.2, a right network 0.03
_IMAGES = 1000


@rule(
    "conv.denoise",
    points=0,
    title="Noise goes in, and the network takes it away",
    answers={"add_noise": Function(), "denoiser": Model(input_shape=(784,))},
)
def denoise(step, add_noise, denoiser):
    greys = np.full((60, 784), 0.5, np.float32)

    def noise(images, stddev):
        rng, changed = np.random.default_rng(step.rng.integers(2**32)), set()
        found = call(add_noise, images, stddev, rng, name="add_noise", changed=changed)
        expect_unchanged(
            step,
            changed,
            found="the images were changed: the clean ones are gone",
            look="Make a new array, images + noise, in place of images += noise.",
        )
        step.expect(
            found.shape == images.shape,
            expected=f"noisy images of shape {images.shape}",
            found=f"shape {found.shape}",
            look="noise of the shape of the images: rng.normal(0, stddev, images.shape)",
            mistake="wrong-shape",
        )
        return found.astype(float) - images

    with step("Noise of its own for each pixel, of the standard deviation that is asked for"):
        added = noise(greys, _FAINT)
        step.expect(
            np.abs(added).max() > 0,
            expected=f"noise with a standard deviation of {_FAINT}",
            found="the images as they were",
            look="rng.normal(0, stddev, images.shape), added to the images",
            mistake="no-noise",
        )
        step.expect(
            added.std() > 1e-6,
            expected="each pixel has noise of its own",
            found="one shift for all pixels of all images",
            look="a number for each pixel: rng.normal(0, stddev, images.shape)",
            mistake="shared-noise",
        )
        step.expect(
            added.std(axis=0).min() > 1e-6,
            expected="each image has noise of its own",
            found="the same noise for all images",
            look="noise of the shape of the images, not of one of them",
            mistake="shared-noise",
        )
        step.expect(
            added.std(axis=1).min() > 1e-6,
            expected="each pixel has noise of its own",
            found="the same shift for all pixels of an image",
            look="noise of the shape of the images: rng.normal(0, stddev, images.shape)",
            mistake="shared-noise",
        )
        step.expect(
            abs(added.mean()) < _FAINT / 4,
            expected="noise around 0: some pixels become lighter, some darker",
            found=f"a mean of {added.mean():+.3f}",
            look="rng.normal(0, stddev, ...) has the mean 0; rng.random() has 1/2.",
            mistake="not-centred",
        )
        spread = float(added.std())
        step.expect(
            not np.isclose(spread, _FAINT**2, rtol=0.1),
            expected=f"a standard deviation of {_FAINT}",
            found=f"{spread:.4f}: its square",
            look="rng.normal takes the standard deviation itself.",
            mistake="variance",
        )
        step.expect(
            np.isclose(spread, _FAINT, rtol=0.1),
            expected=f"a standard deviation of {_FAINT}",
            found=f"{spread:.3f}",
            look="Does the noise use `stddev`?",
            mistake="wrong-spread",
        )
        step.expect(
            noise(np.zeros((60, 784), np.float32), _FAINT).std() > 1e-6,
            expected="noise on white paper, too",
            found="none there",
            look="Noise is added, not multiplied.",
            mistake="noise-multiplied",
        )
    with step("What comes out is an image: each pixel from 0 to 1"):
        noisy = noise(greys, 3.0) + greys
        step.expect(
            noisy.min() >= -1e-6 and noisy.max() <= 1 + 1e-6,
            expected="values from 0 to 1",
            found=f"from {noisy.min():.2f} to {noisy.max():.2f}",
            look="np.clip(..., 0, 1)",
            mistake="not-clipped",
        )
    with step("The network restores digits that it has not seen, from noise that it has not seen"):
        clean = step.data.unseen_digits[:_IMAGES].reshape(-1, 784).astype(np.float32)
        noisy = np.clip(clean + step.rng.normal(0, _NOISE, clean.shape), 0, 1).astype(np.float32)
        restored = as_array(predict(denoiser, noisy), "what the network gives").astype(float)
        step.expect(
            restored.shape == clean.shape,
            expected="784 pixels for each image",
            found=f"shape {restored.shape}",
            look="the last layer",
            mistake="wrong-output-shape",
        )
        before, after = (float(np.mean((clean - images) ** 2)) for images in (noisy, restored))
        shade = float(restored[clean == 0].mean())
        expected = f"a mean squared error below {_RIGHT:g}; the noisy images have {before:.3f}"
        step.expect(
            not (0.45 < restored.mean() < 0.55 and restored.std() < 0.1),
            expected=expected,
            found=f"{after:.3f}: grey everywhere, as of a network that was never trained",
            look="train(denoiser, ...): was it run after the network was built?",
            mistake="untrained",
        )
        step.expect(
            after < _RIGHT or shade < _PAPER_SHADE or after > 0.8 * before,
            expected=expected,
            found=f"{after:.3f}: where the paper is white it paints a grey of {shade:.2f}, the mean of the noise",
            look="The noisy images are the input; the target is the clean ones: train(denoiser, noisy, clean, ...).",
            mistake="noisy-target",
        )
        step.expect(
            after < _RIGHT,
            expected=expected,
            found=f"{after:.3f}",
            look="Was it trained on noisy images, `add_noise(..., 0.5, rng)`, with the clean ones as targets?",
            mistake="noise-left",
        )
