"""How far stored trainings stay from the thresholds on private images of many secrets: measured and kept.

The thresholds of reference.toml are placed on the public test images; this tells whether they hold for
whatever secret an instructor may have. Like a training, a measurement is meant to be called in a process of
its own (measuring_worker.py).
"""

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path

from autoencoder_grader.references import calibration, measuring, networks
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.measuring import BASELINES, Run
from autoencoder_grader.scoring import private_data
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images.cache import file_sha256

PREFIX = "private,"  # of the names of these measurements, which no chapter's name is
SECRETS = 20  # so many secrets tell the spread from one to another, and cost a few minutes a chapter


@dataclasses.dataclass(frozen=True)
class PrivateRun:
    """The trainings of one chapter on one kind of images, measured on the private images of all secrets."""

    chapter: str
    source: str = "mnist"

    @property
    def name(self) -> str:
        """The measurement as one word, also the stem of its file: "private,vae,mnist"."""
        return f"{PREFIX}{self.chapter},{self.source}"

    @classmethod
    def parse(cls, name: str) -> "PrivateRun":
        """The inverse of ``name``."""
        return cls(*name.split(",")[1:])


def private_runs(runs) -> list[PrivateRun]:
    """The private measurements that belong to these `Run`s, each once, in their order."""
    return list(dict.fromkeys(PrivateRun(run.chapter, run.source) for run in runs if run.model != BASELINES))


def needed_runs(private: PrivateRun) -> list[Run]:
    """The trainings without which a measurement says nothing: a right one, and every wrong model.

    Models that no check of the chapter is meant to tell apart are left out.
    """
    chapter, source = private.chapter, private.source
    seed, epochs = networks.SEEDS[chapter], networks.DEFAULT_EPOCHS[chapter]
    checks = [check for check in reference_values.CHECKS if check.chapter == chapter]
    models = [
        model for model in measuring.WRONG_MODELS[chapter] if not all(model in check.left_out for check in checks)
    ]
    return [
        Run(chapter, "right", seed, epochs, source),
        Run(chapter, "right", seed, 0, source),  # untrained
        *(Run(chapter, model, seed, epochs, source) for model in models),
    ]


def lacks_weights(run: Run, folder: Path) -> bool:
    """Whether a run is needed here, and has left no weights to be measured with."""
    if run.model == BASELINES or run not in needed_runs(PrivateRun(run.chapter, run.source)):
        return False
    return not _has_weights(run, folder)


def measured_runs(private: PrivateRun, folder: Path, results: Mapping[Run, dict]) -> list[Run]:
    """The runs that are to be measured: those needed, and the right ones of all other seeds that are there.

    results: {Run: result}, as `reference_values.load_results` gives it.
    Raises CourseError when a needed run or its weights are not there.
    """
    needed = needed_runs(private)
    stored = [run for run in sorted(results, key=dataclasses.astuple) if _has_weights(run, folder)]
    missing = [run.name for run in needed if run not in stored]
    if missing:
        raise CourseError(
            f"{missing[0]} is not stored in {folder}, so nothing can be measured on private images; run "
            f"`autoencoder-course references --chapter {private.chapter}`."
        )
    others = [run for run in stored if dataclasses.replace(run, seed=needed[0].seed) == needed[0]]
    return list(dict.fromkeys([*needed, *others]))


def unfinished(privates, folder: Path) -> list[PrivateRun]:
    """Those measurements that are not stored, or rest on other weights, images or versions than today's.

    Raises CourseError like `measured_runs`.
    """
    results = reference_values.load_results(folder)

    def is_stored(private):
        runs = measured_runs(private, folder, results)
        return _load(private, folder, key(private, runs, folder, results)) is not None

    return [private for private in privates if not is_stored(private)]


def load_rows(folder: Path) -> list[calibration.Row]:
    """The rows of all stored measurements that rest on today's weights, images and versions."""
    results, rows = reference_values.load_results(folder), []
    for private in private_runs(results):
        try:
            wanted = key(private, measured_runs(private, folder, results), folder, results)
        except CourseError:
            continue  # not everything is trained yet
        rows += _load(private, folder, wanted) or []
    return rows


def key(private: PrivateRun, runs, folder: Path, results: Mapping[Run, dict]) -> dict:
    """All that a measurement depends on beside the code: one with another key is measured again."""
    return {
        "secrets": SECRETS,
        "images": private_data.SETTINGS,
        "checks": [
            check.name
            for check in reference_values.CHECKS
            if (check.chapter, check.source) == (private.chapter, private.source)
        ],
        "data_sha256": results[runs[0]]["data_sha256"],
        "versions": measuring.versions(),
        "weights": {run.name: _weights_hash(run, folder) for run in runs},
    }


def perform(private: PrivateRun, folder: Path) -> None:
    """Measure, print a line for each secret, and store the values in ``folder``.

    Raises CourseError when trainings are not stored, or photos are wanted and not at hand.
    """
    results = reference_values.load_results(folder)
    runs = measured_runs(private, folder, results)
    wanted = key(private, runs, folder, results)  # before measuring: what changes meanwhile makes it stale
    rows = calibration.calibrate(
        runs, folder, range(SECRETS), lambda secret: print(f"{private.name}: secret {secret}", flush=True)
    )
    stored = {"key": wanted, "rows": [dataclasses.astuple(row) for row in rows]}
    measuring.store(stored, folder / f"{private.name}.json")


def broken_thresholds(tables: Mapping[str, dict]) -> list[str]:
    """A line for each check whose threshold does not hold for some secret.

    tables: the checks' tables as in reference.toml, with or without "private".
    """
    lines = []
    for name, table in tables.items():
        private = table.get("private", {})
        for side, model in (("right", "worst_right_run"), ("wrong", "best_wrong_model")):
            if private.get(f"distance_to_{side}", 1) <= 0:
                found = private[model]
                lines.append(
                    f"{name}: on the images of secret {found['secret']}, the {side} model "
                    f"{found.get('run') or found.get('name')} reaches {found['value']:.5g}, beyond the "
                    f"threshold {private['threshold']:.5g}"
                )
    return lines


def markdown(tables: Mapping[str, dict]) -> str:
    """The private tables of all checks as one Markdown table, a line a threshold."""

    def number(value):
        return f"{value:#.4g}".rstrip(".")  # with the zeros at its end: 0.1940

    lines = [
        "| name | threshold | worst right run | nearest wrong model | from secret to secret |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, table in tables.items():
        if "private" not in table:
            continue
        private, unit = table["private"], "" if table["unit"] == "1" else f" {table['unit']}"
        sign = "≤" if table["better"] == "lower" else "≥"
        worst, best = private["worst_right_run"]["value"], private["best_wrong_model"]
        lines.append(
            f"| `{name}` | {sign} {number(private['threshold'])}{unit} | {number(worst)} | "
            f"{number(best['value'])} ({best['name']}) | ± {private['standard_deviation']:.2g} |"
        )
    return "\n".join(lines)


def _has_weights(run, folder):
    return run.epochs == 0 or measuring.weights_path(run, folder).exists()


def _weights_hash(run, folder):
    """Of an untrained network its seed says everything."""
    if run.epochs == 0:
        return ""
    path = measuring.weights_path(run, folder)
    return _file_hash(path, path.stat().st_mtime_ns)


@functools.cache
def _file_hash(path, _changed):
    return file_sha256(path)


def _load(private, folder, wanted):
    """The stored rows, None if there are none with this key."""
    try:
        stored = json.loads((folder / f"{private.name}.json").read_text(encoding="utf-8"))
        return [calibration.Row(*row) for row in stored["rows"]] if stored["key"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # unfinished or foreign: as if it had not been measured
