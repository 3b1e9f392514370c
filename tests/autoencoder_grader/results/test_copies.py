"""What is too much alike is named, whatever was renamed or moved; what the course gave, and honest work, is not."""

import io
import json
import os
import random
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from autoencoder_grader.engine.submissions import Submission
from autoencoder_grader.nbgrader_steps.recognition import Chapters
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.results.copies import _work, find_likenesses, plain_code

CHAPTER = "01_dense_autoencoder"
REPOSITORY = Path(__file__).resolve().parents[3]
#: One student's answers, in a hand of her own.
ANSWERS = {
    "scale-images": "x_train = np.divide(raw_train, 255.0, dtype='float32')\nx_test = np.divide(raw_test, 255.0, dtype='float32')",
    "build-encoder": """
from tf_keras.layers import Dense as D

latent_dim = 2
steps = [D(width, activation="relu") for width in (100, 20)]
encoder = keras.Sequential(name="squeeze")
encoder.add(keras.Input(shape=(28 * 28,)))
for step in steps:
    encoder.add(step)  # one after the other
encoder.add(D(latent_dim))
""",
    "bce-per-image": '''
def bce_per_image(x, p):
    """Sum of both parts."""
    small = 1e-7
    q = np.where(p < small, small, np.where(p > 1 - small, 1 - small, p))
    black, white = x * np.log(q), (1.0 - x) * np.log1p(-q)
    return -np.sum(black + white, axis=1)
''',
    "pca-reconstruct": """
def pca_reconstruct(x_train, x):
    middle = x_train.mean(0)
    _, _, directions = np.linalg.svd(x_train[:5000] - middle, full_matrices=False)
    two = directions[:2]
    return (x - middle) @ two.T @ two + middle
""",
}
#: The same in another hand: other names, blanks, comments, quotes.
RENAMED = {
    "scale-images": 'x_train = np.divide( raw_train, 255.0, dtype="float32" )  # mine\nx_test = np.divide(raw_test, 255.0,\n    dtype="float32")',
    "build-encoder": """
# built it myself
from tf_keras.layers import Dense as Layer
latent_dim = 2
mylist = [Layer(w, activation='relu') for w in (100, 20)]

encoder = keras.Sequential(name='squeeze')
encoder.add(keras.Input(shape=(28*28,)))
for element in mylist:
        encoder.add(element)
encoder.add(Layer(latent_dim))
""",
    "bce-per-image": ANSWERS["bce-per-image"]
    .replace("small", "tiny")
    .replace("q", "clipped")
    .replace("Sum of both parts", "Mine"),
    "pca-reconstruct": ANSWERS["pca-reconstruct"].replace("middle", "mu").replace("two", "basis"),
}


@pytest.fixture(scope="module")
def chapters():
    return Chapters(REPOSITORY)


@pytest.fixture(scope="module")
def release():
    path = REPOSITORY / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def submit(tmp_path, release):
    """Hand in a release with answers, and further cells; returns the submission."""

    def handed_in(student, answers=(), own=(), written="", weights=None):
        answers = dict(answers)
        notebook = json.loads(json.dumps(release))
        for cell in notebook["cells"]:
            cell["source"] = answers.get(cell["id"], cell["source"])
            if cell["id"] == "dense-written" and written:
                cell["source"] = written
        for number, source in enumerate(own):
            cell = {"cell_type": "code", "id": f"own-{number}", "metadata": {}, "source": source, "outputs": []}
            notebook["cells"].insert(9, {**cell, "execution_count": None})
        folder = tmp_path / student / CHAPTER
        folder.mkdir(parents=True)
        (folder / f"{CHAPTER}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        for name, data in (weights or {}).items():
            (folder / "weights").mkdir(exist_ok=True)
            if isinstance(data, bytes):
                (folder / "weights" / name).write_bytes(data)
            else:
                np.savez(folder / "weights" / name, **data)
        return Submission(student, CHAPTER, folder)

    return handed_in


def told(submissions, chapters):
    return {
        (likeness.students, likeness.what.split(",")[0].split("(")[0].strip())
        for likeness in find_likenesses(submissions, chapters)
    }


def network(seed):
    draw = np.random.default_rng(seed)
    return {
        f"weight_{n:03}": draw.normal(size=shape).astype(np.float32)
        for n, shape in enumerate([(50, 20), (20,), (20, 2)])
    }


def test_answers_with_other_names_blanks_and_comments_are_the_same(submit, chapters):
    class_ = [submit("ada", ANSWERS), submit("eve", RENAMED), submit("ben", chapters.solved(CHAPTER)), submit("cy")]
    assert told(class_, chapters) == {(("ada", "eve"), "the same answers")}


def test_answers_that_were_changed_a_little_or_surrounded_by_others_are_nearly_the_same(submit, chapters):
    changed = {
        **RENAMED,
        "scale-images": "x_train = raw_train.astype('float32') / 255\nx_test = raw_test.astype('float32') / 255",
    }
    class_ = [
        submit("ada", ANSWERS),
        submit("eve", changed, own=["print('all my own work')"]),
        submit("ben", chapters.solved(CHAPTER)),
    ]
    assert told(class_, chapters) == {(("ada", "eve"), "nearly the same answers")}


def test_neither_the_release_nor_little_nor_the_solution_beside_other_work_is_a_likeness(submit, chapters):
    half = {name: text for name, text in chapters.solved(CHAPTER).items() if name in ("build-encoder", "build-decoder")}
    class_ = [
        submit("ada"),
        submit("ben"),
        submit("cy", {"build-encoder": "encoder = 1"}),
        submit("dora", {"build-encoder": "encoder = 2"}),
    ]
    class_ += [
        submit("eve", {**half, "scale-images": ANSWERS["scale-images"]}),
        submit("fay", {**half, "scale-images": "x_train = x_test = 0"}),
    ]
    assert told(class_, chapters) == set()


def test_the_courses_own_solution_is_named_as_such(submit, chapters):
    class_ = [submit(name, chapters.solved(CHAPTER)) for name in ("ada", "ben")]
    (likeness,) = find_likenesses(class_, chapters)
    assert "the course's own solution" in likeness.what


def test_the_same_words_are_named(submit, chapters):
    words = "The loss is a cross-entropy in nats and not a share of pixels; even a perfect copy has a floor above zero."
    class_ = [
        submit("ada", written=words),
        submit("eve", written=words.upper() + "\n"),
        submit("ben", written="I do not know."),
    ]
    class_ += [submit("cy", written="I do not know.")]
    assert told(class_, chapters) == {(("ada", "eve"), "the same words in the written answer")}


def test_identical_and_nearly_identical_weights_are_named_and_others_are_not(submit, chapters):
    noisy = {name: array + np.float32(1e-4) for name, array in network(1).items()}
    class_ = [
        submit("ada", weights={"a.npz": network(1)}),
        submit("ben", weights={"b.npz": {**network(1), "history_loss": np.arange(3.0), "optimizer_000": np.zeros(9)}}),
        submit("cy", weights={"a.npz": noisy}),
        submit("dora", weights={"a.npz": network(2)}),
        submit("eve", weights={"c.npz": {"another": np.zeros(3, np.float32), **network(1)}}),
        submit("emil", weights={"a.npz": {name: array.astype(np.float64) for name, array in network(1).items()}}),
    ]
    assert told(class_, chapters) == {
        (("ada", "ben", "eve"), "identical weights"),
        (("ada", "cy"), "nearly identical weights"),
    }


@pytest.mark.parametrize(("share", "near"), [(0.008, True), (0.015, False)])
def test_nearly_identical_is_nearer_than_one_seed_with_another_loss(submit, chapters, share, near):
    noise = np.random.default_rng(3)
    other = {
        name: array + (share * np.std(array) * noise.normal(size=array.shape)).astype(np.float32)
        for name, array in network(1).items()
    }
    class_ = [submit("ada", weights={"a.npz": network(1)}), submit("eve", weights={"a.npz": other})]
    assert told(class_, chapters) == ({(("ada", "eve"), "nearly identical weights")} if near else set())


def test_the_weights_that_the_course_carries_are_no_copies_of_each_other(submit, chapters):
    carried = {path.name: path.read_bytes() for path in trained_weights(CHAPTER)}
    assert carried and told([submit(name, weights=carried) for name in ("ada", "ben")], chapters) == set()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        {"weight_000": np.array(["text"] * 99)},
        {"weight_000": np.full(99, np.nan, np.float32)},
        {"other": np.arange(9)},
    ],
)
def test_weights_that_are_none_do_no_harm(submit, chapters, data):
    class_ = [submit(name, weights={"a.npz": data}) for name in ("ada", "ben")]
    assert not [what for _, what in told(class_, chapters) if "nearly" in what]


def test_a_notebook_that_is_none_does_no_harm(submit, chapters):
    class_ = [submit(name, ANSWERS) for name in ("ada", "ben", "cy", "dora")]
    class_[0].notebook.write_bytes(b"\xff")
    class_[1].notebook.write_bytes(b"[" * 100_000)
    assert told(class_, chapters) == {(("cy", "dora"), "the same answers")}


@pytest.mark.skipif(os.name != "posix", reason="no FIFOs")
def test_what_never_ends_is_not_waited_for_and_no_long_list_is_read(submit, chapters):
    long = io.BytesIO()
    with zipfile.ZipFile(long, "w") as archive:
        archive.writestr("weight_000.npy", network(1)["weight_000"].tobytes())
        for number in range(1001):
            archive.writestr(f"{number}.npy", b"")
    class_ = [submit(name, weights={"a.npz": long.getvalue()}) for name in ("ada", "ben", "cy")]
    os.mkfifo(class_[0].folder / "weights" / "b.npz")
    class_[1].notebook.unlink()
    os.mkfifo(class_[1].notebook)
    assert told(class_, chapters) == set()


def test_of_one_submission_no_more_is_compared_than_anybody_writes(submit, chapters):
    own = [f"x{number} = {number} + y\n" * 3000 for number in range(60)]
    work = _work(submit("ada", own=own, written="words " * 400_000), chapters)
    assert work.tokens < 400_000 and len(work.shingles) < 400_000 and len(work.words) <= 500_000


def test_hostile_texts_are_compared_in_no_time():
    begun = time.process_time()
    for text in (
        "'''" + "\"'" * 100_000,
        '"""' * 50_001,
        "#" * 200_000,
        "\\" * 200_000,
        "f" * 200_000,
        "((((" * 50_000,
        "'\\" * 90_000,
    ):
        plain_code(text)
    assert time.process_time() - begun < 5


def test_a_thousand_submissions_take_seconds(submit, chapters):
    draw = random.Random(1)
    names = [f"name{n}" for n in range(40)]
    class_ = []
    for number in range(1000):
        lines = [
            f"{draw.choice(names)} = {draw.choice(names)}.{draw.choice(names)}({draw.random()}, {draw.choice('abc')!r})"
            for _ in range(25)
        ]
        own = {"build-encoder": "\n".join(lines)} if number < 998 else ANSWERS
        class_.append(submit(f"s{number:04}", own, weights={"a.npz": network(number)}))
    begun = time.process_time()
    found = told(class_, chapters)
    assert found == {(("s0998", "s0999"), "the same answers")}
    assert time.process_time() - begun < 30
