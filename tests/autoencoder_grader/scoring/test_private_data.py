"""Private images: made from a secret, unlike every public image, as hard as these for trained networks."""

import contextlib
import stat
import subprocess
import sys

import numpy as np
import pytest
from autoencoder_grader.references import measuring
from autoencoder_grader.references.calibration import RIGHT, TABLE, calibrate, summarise
from autoencoder_grader.references.measuring import Run
from autoencoder_grader.scoring import private_data
from autoencoder_grader.scoring.private_data import SECRET_FILE, PrivateData, derived_seed, secret_seed
from autoencoder_helpers import measures
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images.cells import counts_of
from autoencoder_helpers.images.mnist import load_mnist
from autoencoder_helpers.reference.values import threshold
from PIL import Image

PUBLIC = PublicData()
SECRET = 0x0123456789ABCDEF0123456789ABCDEF


def remade(secret):
    """The digits of a secret, made again instead of taken from the process's store."""
    private_data._digits.cache_clear()
    return PrivateData(secret).unseen_digits


# -- digits


def test_private_digits_have_the_form_of_public_ones():
    digits = PrivateData(SECRET).unseen_digits
    assert digits.dtype == np.float32 and digits.shape == (2500, 28, 28)
    assert digits.min() == 0 and digits.max() == 1
    steps = digits * np.float32(255)
    assert np.abs(steps - np.rint(steps)).max() < 1e-4
    assert not digits.flags.writeable


def test_one_secret_makes_the_same_digits_and_another_one_others():
    first = remade(SECRET)
    assert np.array_equal(first, remade(SECRET))
    assert PrivateData(SECRET).unseen_digits is PrivateData(SECRET).unseen_digits
    other = PrivateData(SECRET + 1).unseen_digits
    assert len(np.unique(np.concatenate([first, other]).reshape(5000, -1), axis=0)) == 5000


def test_no_private_digit_is_a_public_one_and_few_are_near_to_one():
    digits = PrivateData(SECRET).unseen_digits.reshape(2500, -1)
    nearest = nearest_distances(digits[::5])
    assert nearest.min() > 0.1 and np.mean(nearest < 1) < 0.06
    # Nearly as far as from one writer to another: from a test image to the nearest other one.
    others = nearest_distances(PUBLIC.mnist_images.reshape(10_000, -1)[::20], nth=1)
    assert nearest.mean() > 0.8 * others.mean()


def nearest_distances(flat, nth=0):
    table = PUBLIC.mnist_images.reshape(10_000, -1)
    squares = np.square(flat).sum(1)[:, None] + np.square(table).sum(1) - 2 * flat @ table.T
    return np.sqrt(np.maximum(np.partition(squares, nth, axis=1)[:, nth], 0))


def test_for_many_secrets_floor_baseline_and_ink_are_those_of_public_digits():
    images = PUBLIC.mnist_images
    floor, ink = measures.entropy_per_image(images).mean(), images.sum(axis=(1, 2)).mean()
    mean = measures.mean_image(images)
    baseline = measures.bce_per_image(images, mean).mean()
    for secret in range(20):
        digits = PrivateData(secret).unseen_digits[::2]
        assert measures.entropy_per_image(digits).mean() == pytest.approx(floor, abs=1)
        assert digits.sum(axis=(1, 2)).mean() == pytest.approx(ink, abs=2)
        assert measures.bce_per_image(digits, mean).mean() == pytest.approx(baseline, abs=4)


def test_private_digits_stand_and_measure_as_public_ones_do():
    digits = PrivateData(SECRET).unseen_digits.astype(float)
    public = PUBLIC.mnist_images.astype(float)
    centre, slant = private_data._centre_and_slant(digits)
    known_centre, known_slant = private_data._centre_and_slant(public)
    assert np.abs(centre - known_centre.mean(axis=0)).max() < 1.5
    assert slant.mean() == pytest.approx(known_slant.mean(), abs=0.03)
    assert slant.std() == pytest.approx(known_slant.std(), rel=0.1)
    sides, known = (private_data._longer_sides(x).mean() for x in (digits, public))
    assert sides == pytest.approx(known, abs=0.3)


# -- what networks reach on them


@pytest.fixture(scope="module")
def lookup_table():
    """Dense(784 -> 10000), softmax, Dense(10000 -> 784): answers with the nearest public test image."""
    import tf_keras as keras

    table = PUBLIC.mnist_images.reshape(10_000, -1)
    network = keras.Sequential(
        [
            keras.layers.Input((784,)),
            keras.layers.Dense(10_000, activation="softmax"),
            keras.layers.Dense(784, use_bias=False),
        ]
    )
    sharpness = 50
    network.set_weights([2 * sharpness * table.T, -sharpness * np.square(table).sum(axis=1), table])
    return network


def loss(network, images):
    flat = images.reshape(len(images), -1)
    answers = np.clip(network.predict(flat, batch_size=250, verbose=0), 0, 1)
    return measures.bce_per_image(flat, answers).mean() / 784


def test_a_table_of_the_public_images_passes_on_them_and_fails_on_private_ones(lookup_table):
    assert loss(lookup_table, PUBLIC.mnist_images[::16]) < 0.06
    for secret in (SECRET, 1):
        assert loss(lookup_table, PrivateData(secret).unseen_digits[::3]) > 1.12 * threshold("conv.trained")


def test_a_trained_network_loses_little_and_calibration_says_so(tmp_path):
    run = Run("dense", "right", 5, 1)
    *_, whole = measuring.build(run)
    x_train = measuring.scaled(load_mnist(flatten=True)[0][0][:40_000])
    history = whole.fit(x_train, x_train, batch_size=128, epochs=run.epochs, verbose=0).history["loss"]
    measuring._State(run, tmp_path, whole).save(history)
    told = []
    rows = calibrate([run], tmp_path, (SECRET, 1), told.append)
    assert told == [SECRET, 1]
    right = {row.secret: row for row in rows if row.model == RIGHT}
    assert set(right) == {None, SECRET, 1}
    assert right[None].value == pytest.approx(loss(whole, PUBLIC.mnist_images), rel=1e-5)
    assert right[1].value == pytest.approx(loss(whole, PrivateData(1).unseen_digits), rel=1e-5)
    for row in right.values():  # one epoch does not reach the threshold; the difference is what counts here
        assert abs(row.value - right[None].value) < 0.006
    limit = threshold("dense.trained")
    tables = [row for row in rows if row.model == TABLE]
    assert [row.value < limit for row in tables] == [True, False, False]
    summary = summarise(rows, {"dense.trained": limit})["dense.trained"]
    assert summary["secrets"] == 2 and summary["best_wrong_model"]["name"].startswith("mean image")
    assert summary["distance_to_right"] == pytest.approx(limit - max(right[s].value for s in (SECRET, 1)))
    assert summary["distance_to_wrong"] > 0.05 and summary["public_mean"] == right[None].value
    assert summarise(rows, {}) == {}


def test_calibration_asks_for_a_training_that_is_not_stored(tmp_path):
    with pytest.raises(CourseError, match="No finished training of dense,right,5,2,mnist"):
        calibrate([Run("dense", "right", 5, 2)], tmp_path, secret_seeds=(1,))


# -- flowers


def test_private_flowers_are_drawn_anew_for_each_secret():
    mean, flowers = PrivateData(SECRET).flowers("synthetic")
    public_mean, public = PUBLIC.flowers("synthetic")
    assert flowers.dtype == np.float32 and flowers.shape == (100, 80, 80, 3)
    assert flowers.min() >= 0 and flowers.max() <= 1
    assert np.array_equal(mean, public_mean)
    private_data._flowers.cache_clear()
    assert np.array_equal(PrivateData(SECRET).flowers("synthetic")[1], flowers)
    others = np.concatenate([flowers, public, PrivateData(SECRET + 1).flowers("synthetic")[1]])
    assert len(np.unique(others.reshape(len(others), -1), axis=0)) == len(others)
    ours, theirs = (
        measures.bce_per_image(x, mean).mean() - measures.entropy_per_image(x).mean() for x in (flowers, public)
    )
    assert ours == pytest.approx(theirs, rel=0.15)  # of the loss, what can be explained


def test_private_photos_are_other_views_of_test_photos(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    for species in ("daisy", "tulips"):
        folder = tmp_path / "flower_photos" / species
        folder.mkdir(parents=True)
        for number in range(100):
            coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((90, 90), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    monkeypatch.setenv("AUTOENCODER_FLOWERS", str(tmp_path))
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "cache"))
    private_data._flowers.cache_clear()
    mean, photos = PrivateData(SECRET).flowers("photos")
    public_mean, public = PUBLIC.flowers("photos")
    assert photos.dtype == np.float32 and photos.shape == (20, 80, 80, 3)  # every tenth photo is for testing
    assert photos.min() >= 0 and photos.max() <= 1 and np.array_equal(mean, public_mean)

    def distance(a, b):
        return np.abs(a[:, None] - b[None]).mean(axis=(2, 3, 4))

    nearest = np.minimum(distance(photos, public), distance(photos, public[:, :, ::-1])).min(axis=1)
    assert nearest.min() > 0.001 and nearest.max() < 0.75 * distance(photos, mean).min()


def test_without_photos_it_says_so_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOENCODER_FLOWERS", raising=False)
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path))
    with pytest.raises(CourseError, match="No flower photos are at hand"):
        PrivateData(SECRET + 2).flowers("photos")


# -- the secret


def test_the_secret_is_made_once_and_readable_to_its_owner_only(tmp_path):
    secret = secret_seed(tmp_path)
    path = tmp_path / SECRET_FILE
    assert 0 <= secret < 2**128 and int(path.read_text(), 16) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.stat().st_mtime_ns
    assert secret_seed(tmp_path) == secret and path.stat().st_mtime_ns == written
    assert {file.name for file in path.parent.iterdir()} <= {"secret", "secret.lock"}


def test_a_secret_that_others_could_read_is_closed_again(tmp_path):
    secret = secret_seed(tmp_path)
    (tmp_path / SECRET_FILE).chmod(0o644)
    assert secret_seed(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600


def test_two_courses_have_two_secrets(tmp_path):
    assert len({secret_seed(tmp_path / name) for name in "abc"}) == 3


def test_processes_that_ask_at_once_agree(tmp_path):
    program = """
import sys
from pathlib import Path
from autoencoder_grader.scoring.private_data import secret_seed
print("ready", flush=True)
sys.stdin.readline()
for round in range(6):
    print(secret_seed(Path(sys.argv[1]) / str(round)), flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with contextlib.ExitStack() as ended:
        processes = [
            ended.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate()[0].split() for process in processes]
    assert [len(set(asked)) for asked in zip(*answers, strict=True)] == [1] * 6


@pytest.mark.parametrize("damage", ["", "12ab\n", "xyz" * 11, "0" * 31 + "\x00", "é" * 32, "A" * 33])
def test_a_damaged_secret_is_said_in_one_line_and_left_as_it_is(tmp_path, damage):
    path = tmp_path / SECRET_FILE
    path.parent.mkdir()
    path.write_text(damage, encoding="utf-8")
    with pytest.raises(CourseError, match="damaged; put it back from a backup, or delete it") as caught:
        secret_seed(tmp_path)
    assert str(path) in str(caught.value) and path.read_text(encoding="utf-8") == damage


def test_a_secret_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / SECRET_FILE.parent).write_text("a file in the folder's place")
    with pytest.raises(CourseError, match="cannot be read or written"):
        secret_seed(tmp_path)


# -- cells


def test_private_cells_have_of_each_gene_what_one_of_two_test_cells_of_their_type_has():
    expression, counts = PrivateData(SECRET).unseen_cells
    published, of_published = PUBLIC.unseen_cells
    assert expression.shape == counts.shape == published.shape == (140, 765)
    assert expression.dtype == counts.dtype == np.float32
    np.testing.assert_array_equal(counts_of(expression), counts)
    labels = PUBLIC.cells.y_test
    for cell in range(len(counts)):
        others = np.flatnonzero((labels == labels[cell]) & (np.arange(len(labels)) != cell))
        from_both = (counts[cell] == of_published[cell]) | (counts[cell] == of_published[others])
        assert from_both.all(axis=1).any()
    assert not (counts[:, None] == of_published).all(axis=2).any()


def test_private_cells_follow_from_the_secret_alone_and_cannot_be_changed():
    expression, _ = PrivateData(SECRET).unseen_cells
    private_data._cells.cache_clear()
    np.testing.assert_array_equal(PrivateData(SECRET).unseen_cells[0], expression)
    assert not np.array_equal(PrivateData(SECRET + 1).unseen_cells[0], expression)
    with pytest.raises(ValueError, match="read-only"):
        expression[0, 0] = 1


def test_private_cells_are_as_hard_as_the_public_ones():
    def baseline(counts):
        shares = counts_of(PUBLIC.cells.x_train).sum(axis=0) / counts_of(PUBLIC.cells.x_train).sum()
        return measures.poisson_per_cell(counts, counts.sum(axis=1, keepdims=True) * shares).mean()

    found = [baseline(PrivateData(secret).unseen_cells[1]) for secret in range(5)]
    assert np.mean(found) == pytest.approx(baseline(PUBLIC.unseen_cells[1]), rel=0.02) and np.std(found) < 10


def test_seeds_of_different_purposes_and_secrets_differ():
    purposes = ("digits", "flowers", "1", "")
    assert len({derived_seed(secret, purpose) for secret in (0, 1, 16, 17) for purpose in purposes}) == 16
