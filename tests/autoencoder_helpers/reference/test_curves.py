"""The reference's loss curves: which training they belong to, and that they are drawn beside it."""

import re

import numpy as np
import pytest
from autoencoder_helpers.reference import curves as reference_curves
from autoencoder_helpers.reference.curves import Curve, curve
from autoencoder_helpers.training import progress as training_progress

DENSE = ("dense_autoencoder", 60_000, (784,), 128, "Adamax", 0.01)


def test_each_chapter_has_a_curve_that_falls():
    for name, *training in (
        DENSE,
        ("conv_ae", 60_000, (28, 28, 1), 64, "Adam", 0.003),
        ("vae", 60_000, (28, 28, 1), 64, "Adam", 0.003),
    ):
        found = curve(name, *training)
        assert found.seeds >= 2 and len(found.mean) >= 2, name
        assert np.all(np.diff(found.mean) < 0), name
        assert np.all(np.array(found.least) <= found.mean) and np.all(np.array(found.mean) <= found.greatest)
    assert "flower_vae" in reference_curves.read(reference_curves.PATH)


@pytest.mark.parametrize(
    "other",
    [
        ("my_net", *DENSE[1:]),
        (DENSE[0], 20_000, *DENSE[2:]),
        (*DENSE[:2], (28, 28), *DENSE[3:]),
        (*DENSE[:3], 64, *DENSE[4:]),
        (*DENSE[:4], "Adam", 0.01),
        (*DENSE[:5], 0.003),
        (*DENSE[:5], {"class_name": "CosineDecay"}),
    ],
)
def test_another_training_has_none(other):
    assert curve(*DENSE) is not None and curve(*other) is None


def test_the_long_training_of_a_chapter_is_not_measured_by_the_curve_of_its_short_one():
    """Both are called conv_ae, on the same digits in the same batches."""
    assert curve("conv_ae", 60_000, (28, 28, 1), 64, "RMSprop", 0.001) is None
    assert curve(*DENSE[:5], float(np.float32(0.01))) is not None


def test_a_missing_or_damaged_file_costs_nobody_a_training(tmp_path):
    (tmp_path / "damaged.toml").write_text("[curves")
    assert reference_curves.read(tmp_path / "damaged.toml") == reference_curves.read(tmp_path / "none.toml") == {}


def test_it_is_drawn_beside_the_loss_and_told_in_the_text():
    beside = Curve(5, (0.24, 0.19), (0.25, 0.2), (0.26, 0.21))
    history = {"loss": [0.3, 0.25], "val_loss": [0.27, 0.24]}
    plain, drawn = (training_progress._image(history, "net", beside=shown) for shown in (None, beside))
    assert plain != drawn and "reference" not in plain
    (alt,) = re.findall(r'alt="([^"]*)"', drawn)
    assert "reference" in alt and "0.2 after epoch 2, between 0.19 and 0.21 over 5 seeds" in alt
