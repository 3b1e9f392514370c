"""The flowers as a chapter loads them: which source, which split, what is kept, one line for each error."""

import numpy as np
import pytest
from autoencoder_helpers import CourseError, load_flowers
from autoencoder_helpers.images import flower_drawing, flower_photos, flowers
from PIL import Image

TEST_OF_25 = [0, 15, 22]  # which of 25 images seed 321 puts into the test set


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTOENCODER_FLOWERS", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    """Twenty-five one-coloured photos, five a species; the red of each is its place in the order of names."""
    for i in range(25):
        path = tmp_path / "photos" / "flower_photos" / flower_drawing.SPECIES[i // 5] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 12), (i, 0, 0)).save(path)
    return tmp_path / "photos"


def test_synthetic_flowers_come_with_their_factors():
    found = load_flowers("synthetic", count=40, size=24)
    assert found.x_train.shape == (36, 24, 24, 3) and found.x_test.shape == (4, 24, 24, 3)
    for array in (found.x_train, found.x_test, found.y_train, found.y_test):
        assert array.dtype == np.uint8
    assert found.source == "synthetic" and found.class_names == flower_drawing.SPECIES
    np.testing.assert_array_equal(found.factors_train["species"], found.y_train)
    np.testing.assert_array_equal(found.factors_test["species"], found.y_test)


def test_every_image_is_in_one_half_of_the_split_beside_its_own_label_and_factors():
    images, species, factors = flower_drawing.draw_flowers(40, size=16, seed=5)
    found = load_flowers("synthetic", count=40, size=16, seed=5)
    number = {image.tobytes(): i for i, image in enumerate(images)}
    train = [number[image.tobytes()] for image in found.x_train]
    test = [number[image.tobytes()] for image in found.x_test]
    assert sorted(train + test) == list(range(40)) and train != sorted(train)
    np.testing.assert_array_equal(found.y_train, species[train])
    np.testing.assert_array_equal(found.y_test, species[test])
    np.testing.assert_array_equal(found.factors_train, factors[train])
    np.testing.assert_array_equal(found.factors_test, factors[test])


def test_the_split_is_the_same_everywhere():
    # Written down: another version of NumPy or another system must not move an image into the test set.
    train, test = flowers._split(25, 100, 321)
    assert test.tolist() == TEST_OF_25
    assert sorted([*train, *test]) == list(range(25))
    train, test = flowers._split(25, 12, 321)
    assert test.tolist() == TEST_OF_25[:2] and len(train) == 10
    assert flowers._split(25, 100, 322)[1].tolist() != TEST_OF_25


def test_photos_are_split_the_same_way_and_count_limits_them(folder):
    found = load_flowers("photos", path=folder, size=12)
    assert (len(found.x_train), len(found.x_test)) == (22, 3)
    assert found.x_test[:, 0, 0, 0].tolist() == TEST_OF_25
    assert found.y_test.tolist() == [i // 5 for i in TEST_OF_25]
    assert found.factors_train is None and found.factors_test is None and found.source == "photos"
    fewer = load_flowers("photos", path=folder, size=12, count=12)
    assert (len(fewer.x_train), len(fewer.x_test)) == (10, 2)
    assert fewer.x_test[:, 0, 0, 0].tolist() == TEST_OF_25[:2]


def test_auto_draws_when_no_photos_are_at_hand_and_says_so(capfd):
    assert load_flowers(count=10, size=8).source == "synthetic"
    out, err = capfd.readouterr()
    assert (len(out.splitlines()), err) == (1, "")
    assert "10 synthetic flowers" in out and "no photos are at hand" in out


def test_auto_takes_the_photos_that_the_environment_names(folder, monkeypatch, capfd):
    monkeypatch.setenv("AUTOENCODER_FLOWERS", str(folder))
    assert load_flowers(size=12).source == "photos"
    assert capfd.readouterr().out.splitlines()[-1] == f"25 flower photos from {folder}."
    assert load_flowers("synthetic", count=10, size=12).source == "synthetic"
    assert capfd.readouterr().out == ""


def test_auto_takes_public_photos_that_are_in_the_cache(folder, monkeypatch, capfd):
    photos = flower_photos.load_photos(folder, 12)
    monkeypatch.setattr(flower_photos, "fetch", lambda *_: pytest.fail("what is in the cache is not fetched"))
    kept = flower_photos._kept_file(flower_photos.PUBLIC.sha256, 12)
    flower_photos.cache.save_arrays(
        kept, images=photos.images, labels=photos.labels, class_names=np.array(photos.class_names)
    )
    assert load_flowers(size=12).source == "photos"
    assert capfd.readouterr().out.splitlines()[-1] == "25 flower photos from the public archive."


def test_a_named_path_that_is_missing_is_an_error_and_no_silent_drawing(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_FLOWERS", str(tmp_path / "nothing"))
    with pytest.raises(CourseError, match="no archive or folder"):
        load_flowers(count=10, size=8)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"source": "photo"}, "there is no source 'photo'; choose one of auto, synthetic, photos"),
        ({"source": None}, "there is no source None"),
        ({"size": 7}, "size must be a whole number from 8 to 256.*take 80.*found 7"),
        ({"size": 257}, "size must be"),
        ({"size": (80, 80)}, r"size must be.*found \(80, 80\)"),
        ({"size": 80.0}, "size must be"),
        ({"count": 9}, "count must be a whole number from 10 to 100,000; found 9"),
        ({"count": True}, "count must be"),
        ({"seed": -1}, "seed must be"),
        ({"source": "synthetic", "path": "flowers.tgz"}, "leave one out"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, line):
    with pytest.raises(CourseError, match=line) as caught:
        load_flowers(**arguments)
    assert "\n" not in str(caught.value)


def test_drawn_flowers_come_from_the_cache_the_next_time(monkeypatch):
    first = load_flowers("synthetic", count=30, size=8)
    monkeypatch.setattr(flower_drawing, "draw_flowers", lambda *_, **__: pytest.fail("drawn again"))
    again = load_flowers("synthetic", count=30, size=8)
    np.testing.assert_array_equal(again.x_train, first.x_train)
    np.testing.assert_array_equal(again.factors_test, first.factors_test)
    fewer = load_flowers("synthetic", count=20, size=8)
    monkeypatch.undo()
    np.testing.assert_array_equal(fewer.x_train, load_flowers("synthetic", count=20, size=8).x_train)


def test_more_flowers_another_seed_or_other_code_are_drawn(own_cache, monkeypatch, tmp_path):
    first = load_flowers("synthetic", count=10, size=8)
    assert len(load_flowers("synthetic", count=20, size=8).x_train) == 18
    assert (load_flowers("synthetic", count=10, size=8, seed=1).x_train != first.x_train).any()
    before = len(list(own_cache.rglob("synthetic-*.npz")))
    other = tmp_path / "flower_drawing.py"
    other.write_text("# drawn otherwise")
    monkeypatch.setattr(flower_drawing, "__file__", str(other))
    load_flowers("synthetic", count=10, size=8)
    assert len(list(own_cache.rglob("synthetic-*.npz"))) == before + 1


def test_damaged_drawings_are_drawn_again(own_cache):
    first = load_flowers("synthetic", count=10, size=8)
    (kept,) = own_cache.rglob("synthetic-*.npz")
    content = bytearray(kept.read_bytes())
    content[600] ^= 1  # among the pixels of the images
    kept.write_bytes(content)
    np.testing.assert_array_equal(load_flowers("synthetic", count=10, size=8).x_train, first.x_train)
    assert kept.read_bytes() != content


def test_without_a_cache_flowers_are_drawn_all_the_same_and_it_is_said(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "file"))
    assert len(load_flowers("synthetic", count=10, size=8).x_train) == 9
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1 and "AUTOENCODER_CACHE" in out and err == ""


def test_the_arrays_are_read_only():
    found = load_flowers("synthetic", count=10, size=8)
    for array in (found.x_train, found.y_train, found.x_test, found.y_test, found.factors_train):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        found.source = "photos"
    assert repr(found).startswith("Flowers(synthetic: 9 training and 1 test images, 8 x 8 x 3, daisy,")
