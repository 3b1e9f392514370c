"""What was measured of other widths: it is carried, it says how it was made, and a damaged file is told in a line."""

import tomllib

import pytest
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import widths
from autoencoder_helpers.reference.values import reference
from autoencoder_helpers.reference.widths import measured_widths


def test_it_holds_for_each_width_what_the_chapter_shows():
    seen = measured_widths()
    assert seen.latent == (1, 2, 3, 5, 10) and seen.seeds >= 3
    for column in (seen.bce, seen.bce_sd, seen.mse, seen.mse_sd, seen.pca_mse):
        assert len(column) == len(seen.latent) and min(column) > 0
    assert all(list(column) == sorted(column, reverse=True) for column in (seen.bce, seen.mse, seen.pca_mse))
    assert all(net < pca for net, pca in zip(seen.mse, seen.pca_mse, strict=True))


def test_two_latent_variables_are_the_chapters_own_network_and_pca():
    seen, own = measured_widths(), reference("dense.trained")
    assert abs(seen.bce[1] - own["mean"]) < 3 * own["standard_deviation"]
    assert seen.pca_mse[1] == pytest.approx(reference("dense.pca")["mean"], abs=1e-5)


def test_it_says_how_it_was_made():
    found = tomllib.loads(widths.PATH.read_text(encoding="utf-8"))
    assert found["command"] == "autoencoder-course references --widths"
    assert found["data_sha256"] == reference("dense.trained")["data"]["sha256"]
    assert {"python", "tensorflow", "numpy"} <= found["versions"].keys()


def test_a_damaged_file_is_told_in_a_line(tmp_path, monkeypatch):
    for text in (None, "latent_variables = [1", "latent_variables = 3\n"):
        path = tmp_path / "widths.toml"
        if text is not None:
            path.write_text(text)
        monkeypatch.setattr(widths, "PATH", path)
        with pytest.raises(CourseError, match="cannot be read .*; install the course again"):
            measured_widths()
