"""The trained networks that the course carries: what they are, and that none of them passes for somebody's own."""

import numpy as np
import pytest
import tf_keras as keras
from autoencoder_grader.references import measuring
from autoencoder_grader.references.shipping import NETWORKS
from autoencoder_grader.references.trained import FOLDER
from autoencoder_helpers import load_mnist, measures, trained
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import values as reference
from autoencoder_helpers.shipped import files
from autoencoder_helpers.shipped.likeness import likeness
from autoencoder_helpers.training import load_weights

CARRIED = reference.networks()
each_network = pytest.mark.parametrize("name", CARRIED)


def network(name):
    plain, _, source = name.rpartition("_")
    return trained(plain, source) if source in files.SOURCES else trained(name)


@each_network
def test_each_is_there_and_says_where_it_comes_from(name):
    facts, found = CARRIED[name], network(name)
    assert (found.encoder.count_params(), found.decoder.count_params()) == (
        facts["parameters"]["encoder"],
        facts["parameters"]["decoder"],
    )
    assert found.whole.output_shape == found.whole.input_shape
    assert found.epochs == facts["epochs"] == len(facts["value_by_epoch"]) <= facts["epochs_of_the_course"]
    assert found.losses == facts["losses"]
    assert files.path_of(name).stat().st_size == facts["bytes"] <= 2.2 * facts["parameters"]["whole"] + 10_000
    assert facts["command"].startswith("autoencoder-course references --networks --chapter ")
    assert facts["kept_in"] == "float16"
    assert facts["half_precision"]["changes"] <= facts["half_precision"]["spread_of_seeds"]
    assert (NETWORKS[name].run.seed, NETWORKS[name].run.epochs) == (facts["seed"], facts["epochs_of_the_course"])
    assert facts["settings"] == measuring.settings(NETWORKS[name].run)


def test_all_are_there_after_all_their_epochs():
    assert set(CARRIED) == set(NETWORKS)
    for name in NETWORKS:
        assert CARRIED[name]["epochs"] == CARRIED[name]["epochs_of_the_course"] == 50


def test_what_is_said_of_a_loss_is_measured_again():
    found = trained("conv_autoencoder")
    (_, _), (x_test, _) = load_mnist()
    x = x_test[:2000, ..., np.newaxis] / np.float32(255)
    loss = measures.bce_per_image(x, found.whole.predict(x, verbose=0, batch_size=500)).mean() / 784
    # The first 2,000 test digits are easier than the rest, see chapter 3.
    assert found.losses["bce_per_pixel"] - 0.012 < loss < found.losses["bce_per_pixel"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            ("vea",),
            'no network \'vea\'; there are trained("conv_autoencoder"), trained("vae"), trained("flower_vae", ...)',
        ),
        ((None,), "no network None"),
        (("vae", "photos"), 'there is one "vae" only'),
        (("flower_vae",), 'write trained("flower_vae", "synthetic") or trained("flower_vae", "photos")'),
        (("flower_vae", "roses"), "found 'roses'"),
    ],
)
def test_what_there_is_not_is_said_in_one_line(asked, words):
    with pytest.raises(CourseError) as caught:
        trained(*asked)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_damaged_is_said_in_one_line(tmp_path, monkeypatch):
    whole = files.path_of("vae").read_bytes()
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    with pytest.raises(CourseError, match="is missing .* install the course again"):
        trained("vae")
    files.path_of("vae").write_bytes(whole[:-1])
    with pytest.raises(CourseError, match="is damaged .* install the course again"):
        trained("vae")
    with pytest.raises(CourseError, match="no file of a trained network"):
        files.unpack(whole[: len(whole) // 2])


def changed(model, share):
    """A copy of a network whose numbers are each a random share away."""
    rng = np.random.default_rng(5)
    other = keras.models.clone_model(model)
    other.set_weights([array * (1 + share * rng.choice((-1, 1), array.shape)) for array in model.get_weights()])
    return other


@each_network
def test_a_shipped_network_is_known_again_as_it_is_and_changed_a_little(name):
    found = network(name)
    assert likeness(found.whole) == (name, "encoder", 0.0)
    assert likeness(found.decoder) == (name, "decoder", 0.0)
    part, apart = likeness(changed(found.decoder, 0.01))[1:]
    assert part == "decoder" and apart == pytest.approx(0.01, rel=0.01)
    assert likeness(changed(found.decoder, 0.2)) is None


def test_a_shipped_part_is_found_in_a_network_of_another_make():
    found = trained("conv_autoencoder")
    image = keras.Input((28, 28, 1))
    code = keras.layers.Dense(2)(keras.layers.Flatten()(image))
    assert likeness(keras.Model(image, found.decoder(code))).part == "decoder"


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("conv_autoencoder", "02_convolutional_autoencoder/conv_ae"),
        ("vae", "03_variational_autoencoder/vae"),
    ],
)
def test_a_training_of_ones_own_from_the_same_start_is_another_network(name, weights):
    """The chapter's own training begins with the same random numbers as the shipped one."""
    encoder, decoder, whole = measuring.build(NETWORKS[name].run)
    assert likeness(encoder) is likeness(decoder) is likeness(whole) is None
    chapter, training = weights.split("/")
    assert load_weights(whole, training, FOLDER / chapter)
    assert likeness(whole) is None
