"""From single measured runs to the tables of ``reference.toml``: means, spreads, thresholds between right and wrong."""

import dataclasses
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path

from autoencoder_grader.references.measuring import BASELINES, COMPARED, Run, settings, versions
from autoencoder_grader.references.reference_file import rounded
from autoencoder_helpers import measures
from autoencoder_helpers.errors import CourseError

OF_IMAGES = (
    "images",
    "deviation_of_images",
    "standard_error",
    "moved_at_most",
)  # keys of "private" that private_errors.py measures
BOTH = ", each on public and on private images"  # of a threshold for which both were at hand
MINIMUM_SEEDS = 2  # below that there is no standard deviation, and no entry is written


@dataclasses.dataclass(frozen=True)
class Check:
    """How one check's reference value comes out of the runs of a chapter."""

    name: str
    chapter: str
    quantity: str
    unit: str
    better: str  # "lower" or "higher"
    value: Callable[[dict, dict], float]  # (test losses of a run, baselines) -> value
    known: Callable[[dict], dict] = lambda baselines: {}  # wrong without any training: name -> value
    left_out: tuple[str, ...] = ()  # trained models that this value is not meant to tell apart
    source: str = "mnist"
    geometric: bool = False  # where the threshold lies: geometric mean, else midpoint
    why: str = "midpoint between the worst right run and the best wrong model"


def _per_pixel(test, baselines):
    return test["bce_per_pixel"]


def _known_digits(baselines):
    values = baselines["test"]["values"]
    return {
        "mean image (a decoder that ignores z)": baselines["test"]["mean image"] / values,
        "grey 1/2 everywhere": math.log(2),
    }


def _share(test, baselines):
    known = baselines["test"]
    return float(measures.share_explained(test["R"], known["mean image"], known["floor"]))


CHECKS = (
    Check(
        "dense.trained",
        "dense",
        "mean binary cross-entropy on the test set",
        "nats per pixel",
        "lower",
        _per_pixel,
        _known_digits,
    ),
    Check(
        "conv.trained",
        "conv",
        "mean binary cross-entropy on the test set",
        "nats per pixel",
        "lower",
        _per_pixel,
        _known_digits,
    ),
    Check(
        "vae.trained",
        "vae",
        "R + K on the test set, exact KL counted once, one z for each image",
        "nats per image",
        "lower",
        lambda test, baselines: test["R_plus_K"],
        lambda baselines: {"mean image (collapsed, K = 0)": baselines["test"]["mean image"]},
        # The check looks at K by itself: that of beta 0 is four times as large.
        left_out=("no KL (beta 0)", "KL counted twice (beta 2)", "beta 8"),
    ),
    Check(
        "vae.kl",
        "vae",
        "K on the test set, exact KL",
        "nats per image",
        "higher",
        lambda test, baselines: test["K"],
        lambda baselines: {"collapsed": 0.0},
        left_out=("no KL (beta 0)", "KL counted twice (beta 2)", "beta 8"),
        geometric=True,
        why="geometric mean of the worst right run and the best wrong model: this check is only to tell a "
        "collapsed network, and right networks of other sizes differ in K by factors",
    ),
    *(
        Check(
            f"flowers.{source}",
            "flowers",
            "share of the explainable loss on the test set, one z for each image",
            "1",
            "higher",
            _share,
            lambda baselines: {"mean image (a decoder that ignores z)": 0.0},
            source=source,
        )
        for source in ("synthetic", "photos")
    ),
    Check(
        "cells.trained",
        "cells",
        "R + K on the test cells, exact KL counted once, the mean of ten draws of z for each cell",
        "nats per cell",
        "lower",
        lambda test, baselines: test["R_plus_K"],
        lambda baselines: {"composition of all training cells (K = 0)": baselines["test"]["mean image"]},
        left_out=("one latent variable", "KL counted twice (beta 2)", *COMPARED["cells"]),
        source="cells",
    ),
)


def load_results(folder):
    """{Run: result} of all finished runs in ``folder`` that were measured with today's settings and versions.

    A run whose data differ from those of its chapter's baselines is left out: the data set has changed since.
    """
    results = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            run = Run(**result["run"])
            if result["settings"] == settings(run) and result["versions"] == versions():
                results[run] = result
        except (OSError, ValueError, KeyError, TypeError):
            continue  # unfinished or foreign: as if it had not been measured
    known = {_data_set(result): result["data_sha256"] for run, result in results.items() if run.model == BASELINES}
    return {
        run: result
        for run, result in results.items()
        if result["data_sha256"] == known.get(_data_set(result), result["data_sha256"])
    }


def _data_set(result):
    """Source and size: the short and the full training of chapter 4 see different numbers of flowers."""
    return result["run"]["source"], result["settings"].get("images")


def entries(results, default_epochs):
    """{check name: table} of everything that ``results`` suffice for."""
    tables = {}
    for check in CHECKS:
        table = _entry(check, results, default_epochs[check.chapter])
        if table is not None:
            tables[check.name] = table
        if check.name == "dense.trained":
            pca = next(
                (result for run, result in results.items() if run.chapter == "dense" and run.model == BASELINES),
                None,
            )
            if pca is not None:
                tables["dense.pca"] = _pca(pca)
    return tables


def merged(stored, new):
    """(tables, kept): new tables over the stored ones, except where the stored one rests on more seeds of the same kind.

    A new table takes over the stored full run if it has none, its other seeds if they were trained alike, and what is
    known of private images if it is of networks that were trained alike.
    """
    tables, kept = {}, []
    for name in [*dict.fromkeys(["dense.trained", "dense.pca", *(check.name for check in CHECKS), *stored])]:
        old, table = stored.get(name), new.get(name)
        has_more = old is not None and table is not None and old["seeds"] > table["seeds"] and _same_kind(old, table)
        if table is None or has_more:
            if old is not None:
                tables[name] = old
                kept.append(name)
            continue
        if old is not None and "full" in old:
            table = {**table, "full": _joined(old["full"], table.get("full"))}
        if old is not None and "private" in old and _same_kind(old, table):
            table = placed_for_both(name, table, old["private"])
            table = {**table, "private": _placed_anew(old["private"], table)}
        tables[name] = table
    return tables, kept


def with_full(tables, results, default_epochs):
    """The tables with the long trainings that stored results hold, whatever else of a chapter is measured anew."""
    known = {_data_set(result): result for run, result in results.items() if run.model == BASELINES}
    found = {}
    for check in CHECKS:
        runs = {
            run: result
            for run, result in results.items()
            if (run.chapter, run.source) == (check.chapter, check.source) and _data_set(result) in known
        }
        if check.name in tables and (full := _full(check, runs, known, default_epochs[check.chapter])):
            found[check.name] = {**tables[check.name], "full": _joined(tables[check.name].get("full"), full)}
    return {**tables, **found}


def with_private(tables, private):
    """The tables with what was measured on private images, {check name: table}; what is known of single images stays."""
    found = {}
    for name, new in private.items():
        if name in tables:
            old = tables[name].get("private", {})
            of_images = {key: old[key] for key in OF_IMAGES if key in old}
            found[name] = {**tables[name], "private": {**new, **of_images}}
    return {**tables, **found}


def _same_kind(old, new):
    """Whether two tables are of networks trained alike, on the same images."""
    return old.get("settings") == rounded(new.get("settings")) and old["data"]["sha256"] == new["data"]["sha256"]


def _placed_anew(private, table):
    """What is known of private images, with the distances to the table's own threshold."""
    limit, sign = float(f"{table['threshold']:.6g}"), 1 if table["better"] == "lower" else -1
    return {
        **private,
        "threshold": limit,
        "distance_to_right": sign * (limit - private["worst_right_run"]["value"]),
        "distance_to_wrong": sign * (private["best_wrong_model"]["value"] - limit),
    }


def _between(near, far, geometric):
    """Where a threshold lies between a right value and a wrong one, with four digits."""
    if geometric:
        far_positive = far if far > 0 else near / 100  # a geometric mean needs two positive ends
        return float(f"{math.sqrt(near * far_positive):.4g}")
    return float(f"{(near + far) / 2:.4g}")


def placed_for_both(name, table, private):
    """A table whose threshold lies between right and wrong on public and private images alike, since it has to hold on both.

    private: what `calibration.summarise` says of the check; without right or wrong models the table stays as it is.
    """
    if not {"worst_right_run", "best_wrong_model"} <= private.keys():
        return table
    worst, best = (max, min) if table["better"] == "lower" else (min, max)
    near, far = (
        choose(found[model]["value"] for found in (table, private))
        for choose, model in ((worst, "worst_right_run"), (best, "best_wrong_model"))
    )
    threshold = _between(near, far, next(check.geometric for check in CHECKS if check.name == name))
    return {
        **table,
        "placed": f"{table['placed'].removesuffix(BOTH)}{BOTH}",
        "threshold": threshold,
        "distance_to_right": abs(threshold - table["worst_right_run"]["value"]),
        "distance_to_wrong": abs(table["best_wrong_model"]["value"] - threshold),
    }


def placed(check_name, better, right, wrong, geometric=False):
    """The keys about the threshold, from {seed: value} of right runs and {name: value} of wrong models."""
    worst, best = (max, min) if better == "lower" else (min, max)
    seed, near = worst(right.items(), key=lambda item: item[1])
    name, far = best(wrong.items(), key=lambda item: item[1])
    if not (near < far if better == "lower" else near > far):
        raise CourseError(
            f"{check_name}: the wrong model {name!r} ({far:.5g}) is no worse than the right run with "
            f"seed {seed} ({near:.5g}), so no threshold fits between; nothing is written."
        )
    threshold = _between(near, far, geometric)
    return {
        "worst_right_run": {"seed": seed, "value": near},
        "best_wrong_model": {"name": name, "value": far},
        "threshold": threshold,
        "distance_to_right": abs(threshold - near),
        "distance_to_wrong": abs(far - threshold),
        "wrong_models": wrong,
    }


def _entry(check, results, epochs):
    known = {
        _data_set(result): result
        for run, result in results.items()
        if run.model == BASELINES and run.source == check.source
    }
    runs = {
        run: results[run]
        for run in sorted(results, key=dataclasses.astuple)
        if run.chapter == check.chapter and run.model != BASELINES and _data_set(results[run]) in known
    }
    right = {run: result for run, result in runs.items() if run.model == "right" and run.epochs == epochs}
    if len(right) < MINIMUM_SEEDS:
        return None
    first = next(iter(right.values()))
    baselines = known[_data_set(first)]
    values = {run.seed: check.value(result["test"], baselines) for run, result in right.items()}
    wrong = dict(check.known(baselines))
    for run, result in runs.items():
        if run.model == "right" and run.epochs == 0:
            wrong["untrained"] = check.value(result["test"], baselines)
        elif run.model not in ("right", *check.left_out) and run.epochs == epochs:
            wrong[run.model] = check.value(result["test"], baselines)
    table = {
        "quantity": check.quantity,
        "unit": check.unit,
        "better": check.better,
        "command": f"autoencoder-course references --chapter {check.chapter}",
        "data": {
            "name": check.source,
            "sha256": baselines["data_sha256"],
            "floor": baselines["test"]["floor"],
            "baseline": baselines["test"]["mean image"],
            "values_per_image": baselines["test"]["values"],
        },
        "shapes": first["shapes"],
        "parameters": first["parameters"],
        "settings": {"epochs": epochs, **first["settings"]},
        "seeds": len(values),
        "mean": statistics.fmean(values.values()),
        "standard_deviation": statistics.stdev(values.values()),
        "placed": check.why,
        **placed(check.name, check.better, values, wrong, check.geometric),
        "by_seed": {str(seed): value for seed, value in values.items()},
        "also": _also(right.values()),
    }
    compared = {
        run.model: result["test"]
        for run, result in runs.items()
        if run.model in check.left_out and run.model not in COMPARED.get(check.chapter, ()) and run.epochs == epochs
    }
    if compared:
        table["for_comparison"] = compared
    if check.chapter in COMPARED:
        table["methods"] = _methods(check.chapter, right, runs, baselines, epochs)
    full = _full(check, runs, known, epochs)
    if full:
        table["full"] = full
    table["versions"] = first["versions"]
    return table


def _methods(chapter, right, runs, baselines, epochs):
    """What the codes of several methods are worth: by method and measure the mean and the spread over the seeds.

    The chapter's own network is called after its latent variables; methods without randomness have no spread.
    """
    found = {f"VAE, {next(iter(right.values()))['shapes']['latent']}": list(right.values())}
    for run, result in runs.items():
        if run.model in COMPARED[chapter] and run.epochs == epochs:
            found.setdefault(run.model, []).append(result)
    keys = next(iter(right.values()))["latent"]
    tables = {
        method: {key: {"mean": value} for key, value in row.items()} for method, row in baselines["methods"].items()
    }
    for method, results in found.items():
        columns = {key: [result["latent"][key] for result in results] for key in keys}
        if "R_plus_K" in results[0]["test"]:
            columns["R_plus_K"] = [result["test"]["R_plus_K"] for result in results]
        tables[method] = {
            key: {
                "mean": statistics.fmean(values),
                "standard_deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
                "seeds": len(values),
            }
            for key, values in columns.items()
        }
    return tables


def _also(results):
    """Mean and standard deviation of everything else that each run measured, by name."""
    columns = {}
    for result in results:
        numbers = {
            **result["test"],
            **{key: value for key, value in result.get("latent", {}).items() if isinstance(value, float)},
        }
        numbers |= {
            f"distance of ({point.replace(',', ', ')}) to the nearest code": value
            for point, value in result.get("latent", {}).get("nearest_code", {}).items()
        }
        for key, value in numbers.items():
            columns.setdefault(key, []).append(value)
    return {
        key: {"mean": statistics.fmean(values), "standard_deviation": statistics.stdev(values)}
        for key, values in columns.items()
        if len(values) > 1
    }


def _full(check, runs, baselines, epochs):
    """The longest training of a right network beyond the default epochs, that of its lowest seed; {} if there is none.

    baselines: {(source, number of images): result}
    """
    most = max((run.epochs for run in runs if run.model == "right"), default=0)
    if most <= epochs:
        return {}
    of_seeds = {run.seed: run for run in runs if (run.model, run.epochs) == ("right", most)}
    run = of_seeds[min(of_seeds)]
    known = baselines[_data_set(runs[run])]
    values = {str(seed): check.value(runs[each]["test"], known) for seed, each in sorted(of_seeds.items())}
    result = runs[run]
    return {
        "epochs": run.epochs,
        "seed": run.seed,
        "value": values[str(run.seed)],
        **_of_seeds(values),
        **result["test"],
        **{key: value for key, value in result.get("latent", {}).items() if isinstance(value, float)},
        "train_loss": result["history"][-1]["train_loss"],
        "settings": result["settings"],
        "floor": known["test"]["floor"],
        "baseline": known["test"]["mean image"],
        "resumed": result["resumed"],
        "value_by_epoch": [check.value(epoch, known) for epoch in result["history"]],
    }


def _of_seeds(values):
    """What a full run is after each seed, {seed: value}, and how far these lie apart."""
    if len(values) < MINIMUM_SEEDS:
        return {"by_seed": values}
    numbers = values.values()
    return {"by_seed": values, "mean": statistics.fmean(numbers), "standard_deviation": statistics.stdev(numbers)}


def _joined(old, new):
    """One table of full runs from the stored one and a new one (either may be None): with the seeds of both if these trained alike."""
    if not old or not new:
        return new or old
    if (old["epochs"], old.get("settings")) != (new["epochs"], rounded(new.get("settings"))):
        return new
    values = {**old.get("by_seed", {str(old["seed"]): old["value"]}), **new["by_seed"]}
    return {**(new if new["seed"] <= old["seed"] else old), **_of_seeds(dict(sorted(values.items())))}


def _pca(result):
    errors = result["pca"]
    right = {"2 components": errors["2 components"]}
    wrong = {name: value for name, value in errors.items() if name not in ("2 components", "3 components")}
    rest = placed("dense.pca", "lower", right, wrong)
    rest["worst_right_run"] = {"name": "2 components", "value": right["2 components"]}
    return {
        "quantity": "mean squared error of PCA on the test set, fitted on the training set",
        "unit": "squared grey level per pixel",
        "better": "lower",
        "command": "autoencoder-course references --chapter dense",
        "data": {"name": "mnist", "sha256": result["data_sha256"]},
        "shapes": {"image": [784], "latent": 2},
        "parameters": {"components": 2 * 784, "mean": 784, "whole": 3 * 784},
        "seeds": 1,
        "mean": right["2 components"],
        "standard_deviation": 0.0,
        "placed": "midpoint between two components and the best wrong answer; no randomness, so one run",
        **rest,
        "for_comparison": {"3 components": errors["3 components"]},
        "versions": result["versions"],
    }
