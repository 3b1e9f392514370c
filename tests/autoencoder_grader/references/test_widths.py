"""Measuring other widths of chapter 1's network: on a few random images, by few seeds."""

import tomllib

import numpy as np
import pytest
from autoencoder_grader.references import networks, widths
from autoencoder_helpers.reference import widths as carried


@pytest.fixture
def table(monkeypatch):
    rng = np.random.default_rng(1)
    data = *(rng.random((count, 784)).astype("float32") for count in (60, 20)), *(np.arange(n) % 10 for n in (60, 20))
    monkeypatch.setattr(widths, "load_data", lambda run: data)
    monkeypatch.setattr(widths, "LATENT", (1, 3))
    monkeypatch.setitem(networks.DEFAULT_EPOCHS, "dense", 1)
    told = []
    found = widths.measure_widths(seeds=2, report=told.append)
    assert [line.split(":")[0] for line in told] == [
        f"{width} latent variables, seed {seed}" for width in (1, 3) for seed in (123, 124)
    ]
    return found


def test_what_is_written_can_be_read_by_the_chapter(table, tmp_path, monkeypatch):
    path = tmp_path / "widths.toml"
    widths.write_widths(table, path)
    before = path.read_bytes()
    widths.write_widths(table, path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [path.name]
    monkeypatch.setattr(carried, "PATH", path)
    seen = carried.measured_widths()
    assert seen.latent == (1, 3) and seen.seeds == 2
    assert 0.6 < seen.bce[0] < 0.8  # untrained, as good as
    assert seen.pca_mse[0] > seen.pca_mse[1] - 0.02
    assert table["command"] in tomllib.loads(before.decode())["command"]
