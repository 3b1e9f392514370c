"""Measuring reference values: single runs, resuming, thresholds, deterministic writing, and the file the
course carries.
"""

import hashlib
import json
import re
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from autoencoder_grader.references import (
    calibration,
    measuring,
    networks,
    private_margins,
)
from autoencoder_grader.references import (
    command as references,
)
from autoencoder_grader.references import (
    values as reference_values,
)
from autoencoder_grader.references.measuring import BASELINES, Run
from autoencoder_grader.references.private_margins import PrivateRun
from autoencoder_grader.scoring import private_data
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import values as reference
from click.testing import CliRunner

# --- one run --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few_digits():
    """Bright blobs at ten places: enough structure for a network to learn something in a second."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 10, 400).astype(np.uint8)
    images = rng.integers(0, 40, (400, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 8, 5:20] = 230
    return measuring.scaled(images[:300]), measuring.scaled(images[300:]), labels[:300], labels[300:]


def flat(data):
    return data[0].reshape(len(data[0]), -1), data[1].reshape(len(data[1]), -1), *data[2:]


def channel(data):
    return data[0][..., np.newaxis], data[1][..., np.newaxis], *data[2:]


def test_a_run_names_itself_and_reads_its_name():
    run = Run("vae", "KL counted twice (beta 2)", 321, 2)
    assert Run.parse(run.name) == run


def test_a_dense_run_measures_what_keras_evaluates(tmp_path, few_digits):
    run = Run("dense", "right", 7, 2)
    result = measuring.perform(run, tmp_path, flat(few_digits))
    *_, whole = measuring.build(run)
    whole.fit(*[flat(few_digits)[0]] * 2, epochs=2, batch_size=128, verbose=0)
    evaluated = whole.evaluate(*[flat(few_digits)[1]] * 2, verbose=0)
    assert result["test"]["bce_per_pixel"] == pytest.approx(evaluated, rel=1e-4)
    assert result["test"]["bce_per_image"] == pytest.approx(784 * result["test"]["bce_per_pixel"])
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2]
    assert json.loads((tmp_path / f"{run.name}.json").read_text()) == result
    assert 0 <= result["latent"]["neighbour_accuracy"] <= 1


def test_a_variational_run_reports_reconstruction_kl_and_their_sum(tmp_path, few_digits):
    run = Run("vae", "right", 7, 0)
    data = channel(few_digits)
    test = measuring.perform(run, tmp_path, data)["test"]
    _, _, vae = measuring.build(run)
    evaluated = vae.evaluate(data[1], data[1], verbose=0, batch_size=len(data[1]))  # weight 0.5, added twice: R + K
    assert test["R_plus_K"] == pytest.approx(test["R"] + test["K"])
    assert test["R_plus_K"] == pytest.approx(evaluated, rel=0.01)


def test_an_interrupted_run_goes_on_behind_its_last_epoch(tmp_path, few_digits, monkeypatch):
    run, data = Run("dense", "right", networks.SEEDS["dense"], 3), flat(few_digits)
    measured = measuring.test_losses

    def stop_in_epoch_2(*arguments):
        if list(tmp_path.glob("*.state.npz")):
            raise KeyboardInterrupt
        return measured(*arguments)

    monkeypatch.setattr(measuring, "test_losses", stop_in_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        measuring.perform(run, tmp_path, data)
    assert not list(tmp_path.glob("*.json"))
    monkeypatch.setattr(measuring, "test_losses", measured)
    result = measuring.perform(run, tmp_path, data)
    assert result["resumed"] and [epoch["epoch"] for epoch in result["history"]] == [1, 2, 3]
    losses = [epoch["bce_per_pixel"] for epoch in result["history"]]
    assert losses[2] < losses[0]
    encoder, decoder, _ = measuring.restore(run, tmp_path)
    assert measuring.test_losses(run, encoder, decoder, data) == pytest.approx(result["test"])


def test_an_untrained_network_comes_from_its_seed_and_any_other_needs_its_weights(tmp_path, few_digits):
    run = Run("dense", "right", 9, 0)
    result = measuring.perform(run, tmp_path, flat(few_digits))
    encoder, decoder, _ = measuring.restore(run, tmp_path)
    assert not measuring.weights_path(run, tmp_path).exists()
    assert measuring.test_losses(run, encoder, decoder, flat(few_digits)) == result["test"]
    with pytest.raises(CourseError, match="No finished training of dense,right,9,1,mnist"):
        measuring.restore(Run("dense", "right", 9, 1), tmp_path)


def test_what_is_known_without_a_network(tmp_path, few_digits):
    run = Run("dense", BASELINES, 0, 0)
    result = measuring.perform(run, tmp_path, flat(few_digits))
    assert result["test"]["floor"] < result["test"]["mean image"]
    pca = result["pca"]
    assert pca["3 components"] < pca["2 components"] < pca["1 components"] < pca["mean image"]
    assert pca["2 components, mean not restored"] > pca["2 components"]
    # independent: singular values of the centred training images
    x_train, x_test = (x.reshape(len(x), -1).astype(np.float64) for x in few_digits[:2])
    mean = x_train.mean(axis=0)
    axes = np.linalg.svd(x_train - mean, full_matrices=False)[2][:2]
    copies = mean + (x_test - mean) @ axes.T @ axes
    assert pca["2 components"] == pytest.approx(np.square(x_test - copies).mean(), rel=1e-6)


def test_the_data_hash_sees_images_labels_and_split(few_digits):
    a, b, labels, others = few_digits
    changed = a.copy()
    changed[0, 0, 0] = 1 - changed[0, 0, 0]
    flipped = labels.copy()
    flipped[0] ^= 1
    hashes = {
        measuring.data_hash(data)
        for data in (
            few_digits,
            (changed, b, labels, others),
            (a, b, flipped, others),
            (b, a, labels, others),
        )
    }
    assert len(hashes) == 4
    assert measuring.data_hash(flat(few_digits)) == measuring.data_hash(channel(few_digits))


# --- from runs to values --------------------------------------------------------------------------


def fake(run, **test):
    """A stored result without a training."""
    values = {"bce_per_pixel": 0.2, "bce_per_image": 157.0, "R": 165.0, "K": 5.0, "R_plus_K": 170.0, **test}
    result = {
        "run": vars(run),
        "settings": measuring.settings(run),
        "data_sha256": run.source,
        "versions": measuring.versions(),
        "resumed": False,
        "test": values,
        "parameters": {"encoder": 1, "decoder": 2, "whole": 3},
        "shapes": {"image": [784], "latent": 2},
        "history": [{**values, "train_loss": 0.3}],
    }
    if run.model == BASELINES:
        result["test"] = {"floor": 45.5, "mean image": 205.8, "values": 784}
        result["pca"] = {
            "mean image": 0.0675,
            "1 components": 0.0607,
            "2 components": 0.0557,
            "3 components": 0.0516,
            "2 components, mean not restored": 0.1,
        }
    return result


@pytest.fixture
def dense_results():
    epochs = networks.DEFAULT_EPOCHS["dense"]
    runs = {
        Run("dense", BASELINES, 0, 0): {},
        Run("dense", "right", 123, 0): {"bce_per_pixel": 0.69},
        Run("dense", "one latent variable", 123, epochs): {"bce_per_pixel": 0.22},
    }
    runs |= {Run("dense", "right", 123 + k, epochs): {"bce_per_pixel": 0.18 + k / 1000} for k in range(4)}
    return {run: fake(run, **test) for run, test in runs.items()}


def test_a_threshold_lies_midway_between_worst_right_and_best_wrong(dense_results):
    table = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)["dense.trained"]
    assert table["worst_right_run"] == {"seed": 126, "value": 0.183}
    assert table["best_wrong_model"] == {"name": "one latent variable", "value": 0.22}
    assert table["threshold"] == pytest.approx(0.2015)
    assert table["distance_to_right"] == pytest.approx(table["distance_to_wrong"])
    assert table["mean"] == pytest.approx(0.1815) and table["seeds"] == 4
    assert table["standard_deviation"] == pytest.approx(np.std([0.18, 0.181, 0.182, 0.183], ddof=1))
    assert table["versions"]["tensorflow"] and table["data"]["sha256"] == "mnist"


def test_a_wrong_model_that_is_no_worse_stops_the_writing(dense_results):
    run = next(run for run in dense_results if run.model == "one latent variable")
    dense_results[run]["test"]["bce_per_pixel"] = 0.183
    with pytest.raises(CourseError, match="no threshold fits") as caught:
        reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("better", "right", "wrong"),
    [("lower", {1: 0.1, 2: 0.2}, {"a": 0.9, "b": 0.4}), ("higher", {1: 0.9, 2: 0.8}, {"a": 0.1, "b": 0.3})],
)
@pytest.mark.parametrize("geometric", [True, False])
def test_thresholds_separate_in_both_directions(better, right, wrong, geometric):
    keys = reference_values.placed("x", better, right, wrong, geometric)
    assert keys["worst_right_run"]["seed"] == 2 and keys["best_wrong_model"]["name"] == "b"
    low, high = sorted([keys["worst_right_run"]["value"], keys["best_wrong_model"]["value"]])
    assert low < keys["threshold"] < high


def test_writing_is_deterministic_and_can_be_read_back(tmp_path, dense_results):
    tables = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    backwards = dict(reversed(dense_results.items()))
    again = reference_values.entries(backwards, networks.DEFAULT_EPOCHS)
    reference_values.write(tmp_path / "a.toml", tables)
    reference_values.write(tmp_path / "b.toml", again)
    assert (tmp_path / "a.toml").read_bytes() == (tmp_path / "b.toml").read_bytes()
    first, _ = reference_values.merged(reference_values.read(tmp_path / "a.toml"), {})
    reference_values.write(tmp_path / "c.toml", first)
    assert (tmp_path / "c.toml").read_bytes() == (tmp_path / "a.toml").read_bytes()


def test_more_seeds_are_never_replaced_by_fewer(dense_results):
    stored = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    stored["dense.trained"]["full"] = {"epochs": 9}
    fewer = {run: result for run, result in dense_results.items() if run.seed != 126}
    new = reference_values.entries(fewer, networks.DEFAULT_EPOCHS)
    tables, kept = reference_values.merged(stored, new)
    assert tables["dense.trained"]["seeds"] == 4 and "dense.trained" in kept
    tables, kept = reference_values.merged(stored, reference_values.entries(dense_results, networks.DEFAULT_EPOCHS))
    assert kept == [] and tables["dense.trained"]["full"] == {"epochs": 9}


def test_stored_results_of_other_settings_versions_or_data_do_not_count(tmp_path, dense_results):
    for run, result in dense_results.items():
        measuring.store(result, tmp_path / f"{run.name}.json")
    (tmp_path / "half.json").write_text('{"run":', encoding="utf-8")
    assert set(reference_values.load_results(tmp_path)) == set(dense_results)
    spoiled = [("settings", {"batch_size": 1}), ("versions", {}), ("data_sha256", "other")]
    for run, (key, value) in zip([run for run in dense_results if run.epochs], spoiled):
        measuring.store({**dense_results[run], key: value}, tmp_path / f"{run.name}.json")
    assert len(reference_values.load_results(tmp_path)) == len(dense_results) - 3


def test_a_full_run_is_judged_by_the_baselines_of_its_own_data():
    """The full training of chapter 4 sees more flowers, so other baselines, than the default one."""
    short, full = networks.DEFAULT_EPOCHS["flowers"], networks.FULL_EPOCHS["flowers"]
    runs = [Run("flowers", BASELINES, 0, epochs, "synthetic") for epochs in (0, full)]
    runs += [Run("flowers", "right", seed, short, "synthetic") for seed in (321, 322, 323)]
    runs += [Run("flowers", "right", 321, epochs, "synthetic") for epochs in (0, full)]
    results = {run: fake(run, R=400.0 if run.epochs else 900.0) for run in runs}
    results[runs[0]]["test"] = {"floor": 0.0, "mean image": 500.0, "values": 19_200}
    results[runs[1]]["test"] = {"floor": 0.0, "mean image": 800.0, "values": 19_200}
    table = reference_values.entries(results, networks.DEFAULT_EPOCHS)["flowers.synthetic"]
    assert table["mean"] == pytest.approx(0.2) and table["threshold"] == pytest.approx(0.1)
    assert table["wrong_models"]["untrained"] == pytest.approx(-0.8)
    assert table["full"]["value"] == pytest.approx(0.5) and table["full"]["epochs"] == full
    assert table["full"]["settings"]["images"] > table["settings"]["images"]


# --- on private images ----------------------------------------------------------------------------


PRIVATE = PrivateRun("dense")
#: (check, model, run, secret, value): what a measurement on private images could find.
PRIVATE_ROWS = [
    ("dense.trained", "right", "dense,right,123,5,mnist", None, 0.180),
    ("dense.trained", "right", "dense,right,123,5,mnist", 0, 0.182),
    ("dense.trained", "right", "dense,right,123,5,mnist", 1, 0.184),
    ("dense.trained", "one latent variable", "dense,one latent variable,123,5,mnist", 0, 0.221),
    ("dense.trained", "one latent variable", "dense,one latent variable,123,5,mnist", 1, 0.219),
]


def fake_private(runs, **changes):
    """A stored measurement of these runs on private images, when each has left the word "weights"."""
    key = {
        "secrets": private_margins.SECRETS,
        "images": private_data.SETTINGS,
        "checks": ["dense.trained"],
        "data_sha256": "mnist",
        "versions": measuring.versions(),
        "weights": {run.name: hashlib.sha256(b"weights").hexdigest() if run.epochs else "" for run in runs},
    }
    return {"key": {**key, **changes}, "rows": PRIVATE_ROWS}


def private_table(limit=0.2):
    rows = [calibration.Row(*row) for row in PRIVATE_ROWS]
    return calibration.summarise(rows, {"dense.trained": limit})


def test_the_private_table_tells_the_nearest_of_all_secrets_on_either_side():
    table = private_table()["dense.trained"]
    assert table["secrets"] == 2 and table["right_runs"] == 1
    assert table["threshold"] == 0.2 and table["public_mean"] == 0.18 and table["mean"] == 0.183
    assert table["standard_deviation"] == pytest.approx(np.std([0.182, 0.184], ddof=1))
    assert table["worst_right_run"] == {"run": "dense,right,123,5,mnist", "secret": 1, "value": 0.184}
    assert table["best_wrong_model"] == {"name": "one latent variable", "secret": 1, "value": 0.219}
    assert table["distance_to_right"] == pytest.approx(0.016)
    assert table["distance_to_wrong"] == pytest.approx(0.019)


def test_the_private_table_outlives_a_measurement_of_the_same_networks_and_no_other(tmp_path, dense_results):
    stored = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    stored = reference_values.with_private(stored, private_table(stored["dense.trained"]["threshold"]))
    reference_values.write(tmp_path / "a.toml", stored)
    stored = reference_values.read(tmp_path / "a.toml")
    assert reference_values.merged(stored, {})[0] == stored  # a chapter that was not measured

    worse = Run("dense", "right", 127, networks.DEFAULT_EPOCHS["dense"])
    more = {**dense_results, worse: fake(worse, bce_per_pixel=0.19)}
    new = reference_values.entries(more, networks.DEFAULT_EPOCHS)
    private = reference_values.merged(stored, new)[0]["dense.trained"]["private"]
    assert private["threshold"] == new["dense.trained"]["threshold"] == pytest.approx(0.205)
    assert private["distance_to_right"] == pytest.approx(0.205 - 0.184)
    assert private["distance_to_wrong"] == pytest.approx(0.219 - 0.205)
    assert private["worst_right_run"] == stored["dense.trained"]["private"]["worst_right_run"]

    for key, value in (("settings", {"epochs": 9}), ("data", {"sha256": "other"})):
        other = {"dense.trained": {**new["dense.trained"], key: value}}
        assert "private" not in reference_values.merged(stored, other)[0]["dense.trained"]


def test_public_values_stay_byte_for_byte_when_private_ones_come_beside_them(tmp_path, dense_results):
    tables = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    reference_values.write(tmp_path / "a.toml", tables)
    reference_values.write(tmp_path / "b.toml", reference_values.with_private(tables, private_table()))
    public, both = ((tmp_path / name).read_text() for name in ("a.toml", "b.toml"))
    before, private, after = re.split(
        r'(\[checks\."dense.trained".private\].*?)(?=\[checks\."dense.pca"\])', both, flags=re.DOTALL
    )
    assert before + after == public and "distance_to_wrong" in private


def test_a_measurement_on_private_images_names_itself_and_reads_its_name():
    private = PrivateRun("flowers", "photos")
    assert PrivateRun.parse(private.name) == private and private.name.startswith(private_margins.PREFIX)


def test_every_check_with_a_trained_threshold_is_measured_on_private_images():
    privates = private_margins.private_runs(references.plan())
    assert {(check.chapter, check.source) for check in reference_values.CHECKS} == {
        (private.chapter, private.source) for private in privates
    }
    planned = set(references.plan(full=False))
    for private in privates:
        needed = private_margins.needed_runs(private)
        assert set(needed) <= planned and needed[0].model == "right"
        assert all(private_margins.lacks_weights(run, Path("nowhere")) == (run.epochs > 0) for run in needed)
        assert {run.chapter for run in needed} == {private.chapter}
    models = {run.model for run in private_margins.needed_runs(PrivateRun("vae"))}
    assert models == {"right", "no KL (beta 0)", "without x 784"}


@pytest.mark.parametrize("changed", ["secrets", "images", "checks", "data_sha256", "versions", "weights"])
def test_a_private_measurement_of_other_circumstances_does_not_count(tmp_path, dense_results, changed):
    for run, result in dense_results.items():
        measuring.store(result, tmp_path / f"{run.name}.json")
        if run.epochs:
            measuring.weights_path(run, tmp_path).write_text("weights")
    results = reference_values.load_results(tmp_path)
    runs = private_margins.measured_runs(PRIVATE, tmp_path, results)
    assert [run.seed for run in runs if run.epochs and run.model == "right"] == [123, 124, 125, 126]
    measuring.store(fake_private(runs), tmp_path / f"{PRIVATE.name}.json")
    assert private_margins.load_rows(tmp_path) == [calibration.Row(*row) for row in PRIVATE_ROWS]
    assert private_margins.unfinished([PRIVATE], tmp_path) == []
    measuring.store(fake_private(runs, **{changed: None}), tmp_path / f"{PRIVATE.name}.json")
    assert private_margins.load_rows(tmp_path) == []
    assert private_margins.unfinished([PRIVATE], tmp_path) == [PRIVATE]


def test_without_a_needed_training_nothing_is_measured_on_private_images(tmp_path, dense_results):
    for run, result in dense_results.items():
        measuring.store(result, tmp_path / f"{run.name}.json")
    with pytest.raises(CourseError, match="is not stored in .* references --chapter dense"):
        private_margins.unfinished([PRIVATE], tmp_path)


# --- the command ----------------------------------------------------------------------------------

# Stores what the template holds for a name, and as the weights of a training the word "weights".
WORKER = textwrap.dedent("""
    import json, sys
    folder, name, template = sys.argv[1:]
    with open(folder + "/calls", "a") as calls:
        calls.write(name + "\\n")
    if name in open(folder + "/broken").read().split("\\n"):
        sys.exit("the reason")
    table = json.load(open(template))[name]
    if "run" in table and table["run"]["epochs"]:
        print(f"{name}: epoch 1")
        open(f"{folder}/{name}.state.npz", "w").write("weights")
    json.dump(table, open(f"{folder}/{name}.json", "w"))
""")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Calls the real command with workers that train nothing; returns (invoke, folder, path of the
    values).
    """
    folder, path = tmp_path / "runs", tmp_path / "reference.toml"
    folder.mkdir()
    (folder / "broken").write_text("")
    template = tmp_path / "template.json"
    planned = references.plan(("dense",), seeds=2)
    worse = {"one latent variable": 0.22}
    stored = {
        run.name: fake(run, bce_per_pixel=worse.get(run.model, 0.69 if not run.epochs else 0.18)) for run in planned
    }
    stored[PRIVATE.name] = fake_private([run for run in planned if run.model != BASELINES])
    template.write_text(json.dumps(stored))
    monkeypatch.setattr(
        references,
        "worker_command",
        lambda run, folder: [sys.executable, "-c", WORKER, str(folder), run.name, str(template)],
    )
    monkeypatch.setattr(reference, "PATH", path)

    def invoke(*options):
        return CliRunner().invoke(references.command, ["--chapter", "dense", "--folder", str(folder), *options])

    return invoke, folder, path


def test_the_command_measures_writes_and_measures_nothing_twice(command):
    invoke, folder, path = command
    result = invoke("--seeds", "2", "--workers", "2")
    assert result.exit_code == 0, result.output
    tables = tomllib.loads(path.read_text())["checks"]
    assert tables["dense.trained"]["seeds"] == 2
    calls = (folder / "calls").read_text()
    names = [run.name for run in references.plan(("dense",), seeds=2)]
    assert sorted(calls.split("\n")[:-1]) == sorted([*names, PRIVATE.name])
    assert calls.endswith(f"{PRIVATE.name}\n")  # after all others
    assert tables["dense.trained"]["private"]["secrets"] == 2
    first = path.read_bytes()
    assert invoke("--seeds", "2").exit_code == 0
    assert (folder / "calls").read_text() == calls and path.read_bytes() == first


def test_weights_that_are_lost_or_new_are_measured_on_private_images_again(command):
    invoke, folder, path = command
    assert invoke("--seeds", "2").exit_code == 0
    first, calls = path.read_bytes(), folder / "calls"
    wrong = Run("dense", "one latent variable", 123, 5)
    calls.unlink()
    measuring.weights_path(wrong, folder).unlink()
    assert private_margins.load_rows(folder) == []
    assert invoke("--only-write").exit_code == 0
    assert path.read_bytes() == first  # what was measured before stays
    assert invoke("--seeds", "2").exit_code == 0
    assert calls.read_text() == f"{wrong.name}\n"  # the same weights again
    calls.unlink()
    measuring.weights_path(wrong, folder).write_text("other weights")
    assert private_margins.load_rows(folder) == []
    invoke("--seeds", "2")
    assert calls.read_text() == f"{PRIVATE.name}\n" and path.read_bytes() == first


def test_a_threshold_that_a_secret_breaks_is_written_and_said(command):
    invoke, folder, path = command
    assert invoke("--seeds", "2").exit_code == 0
    stored = json.loads((folder / f"{PRIVATE.name}.json").read_text())
    stored["rows"][2][-1] = 0.205  # the right run on the images of secret 1
    measuring.store(stored, folder / f"{PRIVATE.name}.json")
    result = invoke("--only-write")
    assert isinstance(result.exception, CourseError)
    assert "dense.trained: on the images of secret 1, the right model" in str(result.exception)
    table = tomllib.loads(path.read_text())["checks"]["dense.trained"]["private"]
    assert table["distance_to_right"] == pytest.approx(0.2 - 0.205)


def test_a_failed_run_is_named_and_only_it_is_tried_again(command):
    invoke, folder, path = command
    (folder / "broken").write_text("dense,right,124,5,mnist")
    result = invoke("--seeds", "2")
    assert isinstance(result.exception, CourseError) and "dense,right,124,5,mnist" in str(result.exception)
    assert "the reason" in (folder / "dense,right,124,5,mnist.log").read_text()
    assert not path.exists()
    (folder / "broken").write_text("")
    (folder / "calls").unlink()
    assert invoke("--seeds", "2").exit_code == 0
    assert (folder / "calls").read_text() == f"dense,right,124,5,mnist\n{PRIVATE.name}\n" and path.exists()


def test_only_write_with_nothing_measured_says_so(command):
    invoke, _, path = command
    result = invoke("--only-write")
    assert isinstance(result.exception, CourseError) and "Nothing is measured" in str(result.exception)
    assert not path.exists()


def test_two_commands_at_once_do_not_share_a_folder(command):
    from filelock import FileLock

    invoke, folder, _ = command
    with FileLock(folder / "lock"):
        result = invoke("--seeds", "2")
    assert isinstance(result.exception, CourseError) and "at work" in str(result.exception)


def test_photos_that_are_not_there_get_one_line(command):
    result = command[0]("--photos", "/no/such/archive.tgz")
    assert isinstance(result.exception, CourseError) and "no flower photos at" in str(result.exception)


def test_the_plan_holds_what_the_course_promises():
    runs = references.plan()
    assert len(runs) == len(set(runs))
    for chapter, seeds in (("dense", 10), ("conv", 10), ("vae", 10)):
        right = [
            run
            for run in runs
            if run.chapter == chapter and run.model == "right" and run.epochs == networks.DEFAULT_EPOCHS[chapter]
        ]
        assert len(right) == seeds and right[0].seed == networks.SEEDS[chapter]
    for source in ("synthetic", "photos"):
        assert (
            sum(
                run.source == source and run.model == "right" and run.epochs == networks.DEFAULT_EPOCHS["flowers"]
                for run in runs
            )
            == 3
        )
    assert {run.chapter for run in runs if run.epochs == 50} == {"conv", "vae", "flowers"}
    assert not [run for run in references.plan(full=False, photos=False) if run.epochs == 50 or run.source == "photos"]


def test_every_planned_model_can_be_built():
    for run in {Run(run.chapter, run.model, 1, 0) for run in references.plan() if run.model != BASELINES}:
        encoder, decoder, whole = measuring.build(run)
        assert whole.input_shape == whole.output_shape


# --- the file that the course carries -------------------------------------------------------------


def carried():
    return reference_values.read(reference.PATH)


@pytest.mark.parametrize("name", list(carried()))
def test_carried_thresholds_lie_between_right_and_wrong(name):
    table = carried()[name]
    right, wrong = table["worst_right_run"]["value"], table["best_wrong_model"]["value"]
    low, high = (right, wrong) if table["better"] == "lower" else (wrong, right)
    assert low < table["threshold"] < high
    assert table["distance_to_right"] > 0 and table["distance_to_wrong"] > 0
    worst, best = (max, min) if table["better"] == "lower" else (min, max)
    assert wrong == best(table["wrong_models"].values())
    if "by_seed" in table:
        assert right == worst(table["by_seed"].values())
        assert len(table["by_seed"]) == table["seeds"] >= reference_values.MINIMUM_SEEDS


@pytest.mark.parametrize("name", list(carried()))
def test_carried_values_say_where_they_come_from(name):
    table = carried()[name]
    assert {"python", "tensorflow", "tf_keras", "tensorflow_probability", "numpy"} <= set(table["versions"])
    assert len(table["data"]["sha256"]) == 64
    assert table["command"].startswith("autoencoder-course references --chapter ")
    assert table["quantity"] and table["unit"] and table["better"] in ("lower", "higher")


#: The checks whose thresholds tell trained networks apart, and whatever else is known of private images.
ON_PRIVATE_IMAGES = dict.fromkeys(
    [
        *(check.name for check in reference_values.CHECKS),
        *(name for name, table in carried().items() if "private" in table),
    ]
)


@pytest.mark.parametrize("name", ON_PRIVATE_IMAGES)
def test_carried_thresholds_hold_on_the_private_images_of_many_secrets(name):
    table = carried()[name]
    assert "private" in table, f"run `{table['command']}`"
    private = table["private"]
    assert private["secrets"] >= 20 and private["right_runs"] >= 1
    assert private["threshold"] == table["threshold"]
    right, wrong = private["worst_right_run"]["value"], private["best_wrong_model"]["value"]
    low, high = (right, wrong) if table["better"] == "lower" else (wrong, right)
    assert low < private["threshold"] < high
    for side, value in (("right", right), ("wrong", wrong)):
        distance = abs(value - private["threshold"])
        assert private[f"distance_to_{side}"] == pytest.approx(distance, rel=1e-3, abs=1e-5)
    nearest = min(private["distance_to_right"], private["distance_to_wrong"])
    assert 0 < private["standard_deviation"] < nearest / 4  # as docs/how-grading-works.md says


def test_every_carried_private_threshold_holds():
    tables = carried()
    assert private_margins.broken_thresholds(tables) == []
    name = next(iter(ON_PRIVATE_IMAGES))
    tables[name]["private"]["distance_to_wrong"] = -1.0
    (line,) = private_margins.broken_thresholds(tables)
    assert line.startswith(f"{name}: on the images of secret ")


def test_carried_values_are_of_the_networks_and_settings_of_today():
    tables = carried()
    assert tables["dense.trained"]["parameters"] == {"encoder": 80_562, "decoder": 81_344, "whole": 161_906}
    for name in (
        "dense.trained",
        "conv.trained",
        "vae.trained",
        "vae.kl",
        "flowers.synthetic",
        "flowers.photos",
    ):
        table, chapter = tables[name], name.split(".")[0]
        assert table["settings"] == {
            "epochs": networks.DEFAULT_EPOCHS[chapter],
            "optimizer": networks.OPTIMIZERS.get(chapter),
            **measuring.settings(Run(chapter, "right", 0, 0)),
        }
