"""Reading the reference values."""

import pytest
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import values as reference


@pytest.fixture
def stored(tmp_path, monkeypatch):
    path = tmp_path / "reference.toml"
    path.write_text('[checks."dense.trained"]\nthreshold = 0.2\nbetter = "lower"\n', encoding="utf-8")
    monkeypatch.setattr(reference, "PATH", path)
    return path


def test_threshold_and_reference(stored):
    assert reference.threshold("dense.trained") == 0.2
    assert reference.reference("dense.trained") == {"threshold": 0.2, "better": "lower"}


def test_a_caller_cannot_change_what_the_next_one_reads(stored):
    reference.reference("dense.trained")["threshold"] = 9
    assert reference.threshold("dense.trained") == 0.2


def test_an_unknown_name_is_one_line_with_the_nearest(stored):
    with pytest.raises(CourseError, match="did you mean 'dense.trained'") as caught:
        reference.threshold("dense.trainde")
    assert "\n" not in str(caught.value)
    with pytest.raises(CourseError, match="there are dense.trained"):
        reference.reference(None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing"),
        (b"\xff\xfe", "cannot be read"),
        (b"[[", "cannot be read"),
        (b"a = 1", "cannot be read"),
    ],
)
def test_a_missing_or_damaged_file_is_one_line(tmp_path, monkeypatch, content, words):
    path = tmp_path / f"{words[:3]}.toml"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(reference, "PATH", path)
    with pytest.raises(CourseError, match=words):
        reference.threshold("dense.trained")


def test_the_course_carries_the_thresholds_that_its_rules_read():
    for name in (
        "dense.trained",
        "dense.pca",
        "conv.trained",
        "vae.trained",
        "vae.kl",
        "flowers.synthetic",
        "flowers.photos",
        "cells.trained",
    ):
        assert reference.threshold(name) > 0
        assert reference.reference(name)["better"] in ("lower", "higher")
