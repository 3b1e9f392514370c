"""The command that measures reference values: its plan, what it measures again, and what it says."""

import json
import os
import sys
import textwrap
import tomllib

import autoencoder_helpers
import pytest
from autoencoder_grader.references import command as references
from autoencoder_grader.references import measuring, networks, private_errors, private_margins, shipping, trained
from autoencoder_grader.references.measuring import BASELINES, Run
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import values as reference
from click.testing import CliRunner
from stored_measurements import PRIVATE, fake, fake_private

#: What is known of single private images.
ERRORS = {"images": 2500, "deviation_of_images": 0.06, "standard_error": 0.0012}

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
    monkeypatch.setattr(trained, "make_trained_weights", lambda solution, folder, on_cell: [folder / "net.npz"])
    monkeypatch.setattr(private_errors, "measure_errors", lambda *given: {"dense.trained": ERRORS})

    def invoke(*options):
        return CliRunner().invoke(references.command, ["--chapter", "dense", "--folder", str(folder), *options])

    return invoke, folder, path


def test_the_command_measures_writes_and_measures_nothing_twice(command):
    invoke, folder, path = command
    result = invoke("--seeds", "2", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert "01_dense_autoencoder (net)" in result.output and "02_" not in result.output
    tables = tomllib.loads(path.read_text())["checks"]
    assert tables["dense.trained"]["seeds"] == 2
    calls = (folder / "calls").read_text()
    names = [run.name for run in references.plan(("dense",), seeds=2)]
    assert sorted(calls.split("\n")[:-1]) == sorted([*names, PRIVATE.name])
    assert calls.endswith(f"{PRIVATE.name}\n")  # after all others
    assert tables["dense.trained"]["private"]["secrets"] == 2
    assert ERRORS.items() <= tables["dense.trained"]["private"].items()
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
    stored["rows"][2][-1] = (
        0.225  # the right run on the images of secret 1, worse than a wrong model on those of another
    )
    measuring.store(stored, folder / f"{PRIVATE.name}.json")
    result = invoke("--only-write")
    assert isinstance(result.exception, CourseError)
    assert "dense.trained: on the images of secret 1, the right model" in str(result.exception)
    table = tomllib.loads(path.read_text())["checks"]["dense.trained"]["private"]
    assert table["distance_to_right"] == pytest.approx((0.219 - 0.225) / 2)


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


def test_named_photos_reach_the_networks_and_leave_the_environment_alone(command, tmp_path, monkeypatch):
    """What is set for one command would be there for the next one, too: for every test in the same process."""
    photos, given = tmp_path / "photos.tgz", []
    photos.write_bytes(b"")
    monkeypatch.setattr(shipping, "ship", lambda *arguments: given.append(arguments[-1]) or [])
    monkeypatch.delenv("AUTOENCODER_FLOWERS", raising=False)
    result = command[0]("--seeds", "2", "--photos", str(photos))
    assert result.exit_code == 0, result.output
    assert given == [photos] and "AUTOENCODER_FLOWERS" not in os.environ

    monkeypatch.setattr(autoencoder_helpers, "load_flowers", lambda source, count, path: given.append((source, path)))
    for source in ("photos", "synthetic"):
        with pytest.raises(AttributeError):  # of None, which stands for the flowers
            measuring.load_data(Run("flowers", "right", 321, 10, source), photos)
    assert given[1:] == [("photos", photos), ("synthetic", None)]


def test_photos_that_are_not_there_get_one_line(command):
    result = command[0]("--photos", "/no/such/archive.tgz")
    assert isinstance(result.exception, CourseError) and "no flower photos at" in str(result.exception)


def test_the_plan_holds_what_the_course_promises():
    runs = references.plan()
    assert len(runs) == len(set(runs))
    for chapter, seeds in (("dense", 10), ("conv", 10), ("vae", 10), ("cells", 5)):
        right = [
            run
            for run in runs
            if run.chapter == chapter and run.model == "right" and run.epochs == networks.DEFAULT_EPOCHS[chapter]
        ]
        assert len(right) == seeds and right[0].seed == networks.SEEDS[chapter]
    for model in measuring.COMPARED["cells"]:
        assert sum(run.chapter == "cells" and run.model == model for run in runs) == 5
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
