"""The pictures that the course carries."""

import numpy as np
import pytest
from autoencoder_grader.references import course_picture, measuring, networks
from autoencoder_grader.references import pictures as reference_pictures
from autoencoder_grader.references.measuring import Run
from autoencoder_helpers.errors import CourseError
from PIL import Image


@pytest.fixture
def noise(monkeypatch):
    """A data set of noise with ten labels, and one epoch as the full training."""
    rng = np.random.default_rng(3)
    images = rng.uniform(size=(60, 28, 28, 1)).astype(np.float32)
    labels = np.arange(60, dtype=np.uint8) % 10
    monkeypatch.setattr(networks, "FULL_EPOCHS", dict.fromkeys(networks.FULL_EPOCHS, 1))

    def data(run):
        x = images.reshape(60, -1) if run.chapter == "dense" else images
        return x, x, labels, labels

    monkeypatch.setattr(reference_pictures, "load_data", data)
    return data


def test_every_finished_training_gets_its_pictures_and_twice_the_same(tmp_path, noise):
    run = Run("dense", "right", networks.SEEDS["dense"], 1)
    measuring.perform(run, tmp_path, noise(run))
    paths = list(reference_pictures.draw_all(tmp_path, tmp_path / "a"))
    assert [path.stem for path in paths] == ["dense-goal"]
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 200 and len(image.convert("L").getcolors()) > 20
    again = list(reference_pictures.draw_all(tmp_path, tmp_path / "b"))
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_without_any_training_one_line_says_what_to_run(tmp_path, noise):
    with pytest.raises(CourseError, match="references --chapter dense` first") as caught:
        list(reference_pictures.draw_all(tmp_path, tmp_path / "a"))
    assert "\n" not in str(caught.value)


def test_the_readme_picture_takes_the_longest_training_there_is(tmp_path, noise, monkeypatch):
    monkeypatch.setattr(course_picture, "load_data", noise)
    with pytest.raises(CourseError, match="references --chapter vae` first"):
        course_picture.draw_course_picture(tmp_path, tmp_path / "course.png")
    run = Run("vae", "right", networks.SEEDS["vae"], networks.DEFAULT_EPOCHS["vae"])
    measuring.perform(run, tmp_path, noise(run))
    with Image.open(course_picture.draw_course_picture(tmp_path, tmp_path / "course.png")) as image:
        assert image.width > 2 * image.height
