"""The synthetic flowers: repeatable, prefix-stable, varied, quick, and true to their table of factors."""

import colorsys
import time

import numpy as np
import pytest
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images.flower_drawing import FACTORS, SPECIES, draw_flowers


@pytest.fixture(scope="module")
def flowers():
    return draw_flowers(240)


def test_shapes_and_types(flowers):
    images, species, factors = flowers
    assert images.shape == (240, 80, 80, 3) and images.dtype == np.uint8
    assert species.shape == (240,) and species.dtype == np.uint8
    assert factors.shape == (240,) and factors.dtype == FACTORS
    assert np.array_equal(factors["species"], species)


def test_another_size_is_drawn_whole():
    images, _, _ = draw_flowers(3, size=32)
    assert images.shape == (3, 32, 32, 3)


def test_same_seed_same_bytes_other_seed_other_flowers():
    first, again, other = (draw_flowers(6, seed=s)[0] for s in (7, 7, 8))
    assert first.tobytes() == again.tobytes()
    assert all(not np.array_equal(a, b) for a, b in zip(first, other))


def test_a_picture_does_not_depend_on_how_many_are_drawn(flowers):
    images, species, factors = draw_flowers(5)
    assert np.array_equal(images, flowers[0][:5])
    assert np.array_equal(species, flowers[1][:5])
    assert factors.tobytes() == flowers[2][:5].tobytes()


def test_every_species_comes_about_equally_often(flowers):
    counts = np.bincount(flowers[1], minlength=len(SPECIES))
    assert len(counts) == 5 and counts.min() > 25  # expected 48, standard deviation 6


def test_no_two_pictures_are_alike(flowers):
    assert len({image.tobytes() for image in flowers[0]}) == 240


def test_pictures_are_bright_enough_to_see_and_neither_black_nor_white(flowers):
    means = flowers[0].reshape(240, -1).mean(1)
    assert means.min() > 20 and means.max() < 220


def test_the_head_stands_where_the_factors_say(flowers):
    """Red, pink and violet stand out from a green meadow: their centre of mass is the head's centre."""
    images, species, factors = flowers
    roses = species == SPECIES.index("roses")
    mass = np.maximum(0, images[roses, ..., 0].astype(float) - images[roses, ..., 1])
    line = (np.arange(80) + 0.5) / 80 - 0.5
    x = (mass.sum(1) @ line) / mass.sum((1, 2))
    y = (mass.sum(2) @ line) / mass.sum((1, 2))
    assert np.abs(x - factors["x"][roses]).max() < 0.03
    assert np.abs(y - factors["y"][roses]).max() < 0.03


def test_a_larger_size_covers_more_pixels(flowers):
    images, species, factors = flowers
    roses = species == SPECIES.index("roses")
    area = (images[roses, ..., 0].astype(int) > images[roses, ..., 1].astype(int) + 40).mean((1, 2))
    expected = factors["size"][roses] ** 2 * factors["tilt"][roses]
    assert np.corrcoef(area, expected)[0, 1] > 0.95


def test_petals_have_the_hue_of_the_factors(flowers):
    images, species, factors = flowers
    for name in ("roses", "tulips"):
        for i in np.flatnonzero(species == SPECIES.index(name)):
            row, column = (int(round((factors[axis][i] + 0.5) * 80)) for axis in ("y", "x"))
            r, g, b = images[i, row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3).mean(0) / 255
            found = colorsys.rgb_to_hsv(r, g, b)[0]
            gap = (found - float(factors["hue"][i]) + 0.5) % 1 - 0.5
            assert abs(gap) < 0.03, (name, i)


def test_daisies_are_white_sunflowers_yellow_with_a_dark_centre(flowers):
    images, species, factors = flowers

    def at(i, away):
        row = int((factors["y"][i] + 0.5) * 80)
        column = int((factors["x"][i] + 0.5 + away * factors["size"][i]) * 80)
        return images[i, row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).mean(0)

    for i in np.flatnonzero(species == SPECIES.index("daisy")):
        assert at(i, 0.6).min() > 120  # white
        assert at(i, 0)[2] < 0.6 * at(i, 0)[0]  # yellow centre
    for i in np.flatnonzero(species == SPECIES.index("sunflowers")):
        assert at(i, 0).mean() < 0.5 * at(i, 0.65).mean()


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"count": 0}, "count"),
        ({"count": 2.5}, "count"),
        ({"count": "9"}, "count"),
        ({"count": True}, "count"),
        ({"count": 1, "size": 4}, "size"),
        ({"count": 1, "size": None}, "size"),
        ({"count": 1, "seed": -1}, "seed"),
    ],
)
def test_a_bad_argument_gets_one_line_that_names_it(arguments, name):
    with pytest.raises(CourseError) as caught:
        draw_flowers(**arguments)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_picture_costs_no_more_than_so_many_passes_over_its_pixels():
    """Measured: 54 of them, on any processor; then three thousand pictures take 3 seconds of a usual one."""
    pixels = np.random.default_rng(0).random((80, 80), np.float32)

    def seconds(work):
        times = []
        for _ in range(3):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    one_pass = seconds(lambda: [np.sqrt(np.arctan2(pixels, pixels)) for _ in range(600)]) / 600
    assert seconds(lambda: draw_flowers(60)) / 60 < 250 * one_pass
