"""What makes one network of an encoder and a decoder: one behind the other, whatever their weights are."""

import numpy as np
from autoencoder_helpers.checks.models import holds, of_one_image, precision, predict, with_any_weights
from autoencoder_helpers.checks.repeatable import expect_repeatable, size_of

_TIMES = 6  # as often as it takes until a relu between the two shows: of two codes, one is below 0 in most draws


def expect_ends(step, autoencoder, encoder, decoder) -> None:
    """Inside a step: fail unless the network takes what the encoder takes and gives what the decoder gives.

    Whatever these are: whether they are right is for the checks of encoder and decoder to say.
    """
    ends = (("input", encoder, "first", "encoder-missing"), ("output", decoder, "last", "decoder-missing"))
    for side, part, place, mistake in ends:
        other_part = decoder if part is encoder else encoder
        models = (part, autoencoder, other_part)
        wanted, found, other = (of_one_image(getattr(model, f"{side}_shape")) for model in models)
        name = "encoder" if part is encoder else "decoder"
        step.expect(
            found == wanted or found != other,
            expected=f"{side} shape {wanted}, that of your {name}",
            found=f"{found}: the {name} is missing",
            look="The decoder receives what the encoder made: keras.Model(image, decoder(encoder(image))).",
            mistake=mistake,
        )
        step.expect(
            found == wanted,
            expected=f"{side} shape {wanted}, that of your {name}",
            found=found,
            look=f"the {place} layer",
            mistake=f"wrong-{side}-shape",
        )


def expect_joined(step, autoencoder, encoder, decoder, x) -> None:
    """Inside a step: fail unless autoencoder(x) is decoder(encoder(x)), with the very weights of both, now and later.

    Later the weights are others: a layer between the two may do nothing yet, and weights of now may hide what it does.
    """
    for name, network in (("encoder", encoder), ("autoencoder", autoencoder)):
        expect_repeatable(step, name, lambda network=network: predict(network, x))
    codes = predict(encoder, x)
    expect_repeatable(step, "decoder", lambda: predict(decoder, codes))
    expected = "autoencoder(x) equals decoder(encoder(x))"
    step.expect(
        np.allclose(predict(autoencoder, x), predict(decoder, codes), atol=1e-4),
        expected=expected,
        found="two different images",
        look="The decoder must receive what the encoder made: call the models you have, do not build new layers.",
        mistake="not-joined",
    )
    for name, part in (("encoder", encoder), ("decoder", decoder)):
        step.expect(
            holds(autoencoder, part),
            expected=f"the autoencoder contains your {name} itself",
            found=f"a copy: training the autoencoder would not change your {name}",
            look=f"Call your `{name}` like a layer.",
            mistake="not-joined",
        )
    step.expect(
        all(_agree(autoencoder, encoder, decoder, x, step.rng) for _ in range(_TIMES)),
        expected=f"{expected}, whatever the weights will be",
        found="the same images with the weights of now, and two different ones with others",
        look="What else stands in it than the encoder and the decoder? A normalization, for one, does nothing before "
        "it is trained: decoder(encoder(image)), and nothing before, between or behind.",
        mistake="not-joined",
    )


def _agree(autoencoder, encoder, decoder, x, rng) -> bool:
    """Whether autoencoder(x) is decoder(encoder(x)) with some other weights."""
    with with_any_weights(autoencoder, rng):
        whole, parts = predict(autoencoder, x), predict(decoder, predict(encoder, x))
    near = max(1e-4, 8 * precision(autoencoder)) * max(1.0, size_of(parts))
    return np.allclose(whole, parts, rtol=0, atol=near, equal_nan=True)
