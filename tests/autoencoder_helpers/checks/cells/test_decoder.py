"""`cells.decoder`: right decoders of any construction pass, each usual mistake is named."""

import pytest
import tf_keras as keras

layers = keras.layers


def test_right_decoders_get_the_point(points, cell_decoder):
    assert points("cells.decoder", cell_decoder()) == 1
    assert points("cells.decoder", cell_decoder(None, behind=[layers.Softmax()])) == 1
    code = keras.Input((2,))
    logits = layers.Dense(765)(layers.Dense(32, "tanh")(code))
    assert points("cells.decoder", keras.Model(code, layers.Activation("softmax")(logits))) == 1


@pytest.mark.parametrize(
    ("settings", "mistake", "kept"),
    [
        ({"activation": None}, "missing-softmax", 0.5),
        ({"activation": "sigmoid"}, "not-shares", 0.5),
        ({"activation": "softplus"}, "not-shares", 0.5),
        ({"activation": "tanh"}, "negative-shares", 0.5),
        ({"behind": [layers.Rescaling(765.0)]}, "not-shares", 0.5),
        ({"genes": 784}, "wrong-output-shape", 0.75),
        ({"latent": 10}, "wrong-input-shape", 0),
    ],
)
def test_mistakes_in_the_decoder_are_named(expect_mistake, cell_decoder, settings, mistake, kept):
    expect_mistake("cells.decoder", cell_decoder(**settings), mistake=mistake, kept=kept)


def test_a_decoder_that_ignores_its_code_is_named(expect_mistake, cell_decoder):
    decoder = cell_decoder()
    decoder.layers[0].set_weights([0 * weight for weight in decoder.layers[0].get_weights()])
    expect_mistake("cells.decoder", decoder, mistake="ignores-code", kept=0.75)


def test_a_decoder_without_layers_is_named(mistakes):
    code = keras.Input((2,))
    assert "no-layers" in mistakes("cells.decoder", keras.Model(code, code))


@pytest.mark.parametrize("kind", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("scale", [1, 5])
def test_shares_in_half_precision_add_up_to_one_nearly(points, cell_decoder, kind, scale):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(kind)
    try:
        decoder = cell_decoder()
    finally:
        keras.mixed_precision.set_global_policy(before)
    decoder.set_weights([scale * weight for weight in decoder.get_weights()])
    assert [points("cells.decoder", decoder) for _ in range(20)] == 20 * [1]
