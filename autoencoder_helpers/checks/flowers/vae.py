"""`flowers.vae`: encoder and decoder, joined by a draw."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.flowers.sizes import IMAGE, IN_PLACE, LATENT
from autoencoder_helpers.checks.joining import expect_ends
from autoencoder_helpers.checks.models import holds, numbers, with_fresh_weights
from autoencoder_helpers.checks.rule import rule


@rule(
    "flowers.vae",
    points=1,
    title="The whole network decodes a draw from the encoder's cloud, with the weights of both",
    answers={
        "vae": Model(input_shape=IMAGE, words=IN_PLACE),
        "encoder": Model(input_shape=IMAGE, words=IN_PLACE),
        "decoder": Model(input_shape=(LATENT,)),
    },
)
def vae(step, vae, encoder, decoder):
    images = step.rng.random((4, *encoder.input_shape[1:])).astype(np.float32)
    with step("What the encoder takes goes in, what the decoder gives comes out"):
        expect_ends(step, vae, encoder, decoder)
    with step("It contains your encoder and your decoder themselves", points=0.5):
        for name, part in (("encoder", encoder), ("decoder", decoder)):
            step.expect(
                holds(vae, part),
                expected=f"the network contains your {name} itself",
                found=f"a copy, or another one: training it would not change your {name}",
                look=f"Call your `{name}` like a layer. Was it built again afterwards? Then join again.",
                mistake="not-joined",
            )
    with step("It decodes a draw from the cloud, a new one in each call", points=0.5):
        if not _is_same_twice(vae, images):
            _expect_a_draw_decoded(step, vae, encoder, decoder, images)
            return
        # A decoder that gives one image of any code tells nothing of the join, and was charged for it: with fresh weights it does.
        with with_fresh_weights(vae, step.rng):
            codes = step.rng.normal(0, 5, (4, *decoder.input_shape[1:])).astype(np.float32)
            if np.ptp(numbers(decoder(codes)), axis=0).max() == 0 and step.excused("flowers.decoder"):
                return
            _expect_a_draw_decoded(step, vae, encoder, decoder, images)


def _is_same_twice(vae, images) -> bool:
    return np.array_equal(*(numbers(vae(images)) for _ in range(2)))


def _expect_a_draw_decoded(step, vae, encoder, decoder, images):
    """Inside a step: fail unless the network decodes what the encoder draws, and nothing else."""
    step.expect(
        not _is_same_twice(vae, images),
        expected="two calls that differ, as two draws do",
        found="twice the same images",
        look="Hand the decoder the encoder's output itself, not its mean.",
        mistake="mean-not-sample",
    )
    step.expect(
        _same_with_one_seed(vae, lambda x: decoder(encoder(x)), images),
        expected="vae(x) equals decoder(encoder(x)) for the same random numbers",
        found="other images",
        look="The decoder must receive what the encoder made, and nothing may follow it.",
        mistake="not-joined",
    )


def _same_with_one_seed(first, second, images) -> bool:
    """Whether two ways to an image agree when they draw the same random numbers."""
    import tensorflow as tf

    results = []
    for way in (first, second):
        tf.random.set_seed(1)
        results.append(numbers(way(images)))
    tf.random.set_seed(int(np.random.default_rng().integers(2**31)))
    return results[0].shape == results[1].shape and np.allclose(*results, atol=1e-3)
