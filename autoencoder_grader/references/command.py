"""The command `autoencoder-course references`: measure the reference values, in parallel and resumable."""

import os
import subprocess
import sys
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import click
from autoencoder_helpers.errors import CourseError

CHAPTERS = ("dense", "conv", "vae", "flowers", "cells")
SEED_COUNTS = {"dense": 10, "conv": 10, "vae": 10, "flowers": 3, "cells": 5}
# Seconds of one thread for an epoch on the 2-core machine this was written on; only the time left rests on
# them.
EPOCH_SECONDS = {"dense": 4, "conv": 31, "vae": 50, "flowers": 12, "cells": 0.2}
FULL_FLOWERS_EPOCH_SECONDS = 140  # at full width, with all flowers
START_SECONDS = 20  # imports, data, measuring at the end
SECRET_SECONDS = {
    "dense": 3,
    "conv": 8,
    "vae": 10,
    "flowers": 3,
    "cells": 0.5,
}  # all trainings on the images of one secret


def plan(chapters=CHAPTERS, seeds=None, full=True, photos=True):
    """The runs to be measured, in the order in which they start: what a first threshold needs comes first."""
    from autoencoder_grader.references import cell_measures, networks
    from autoencoder_grader.references.measuring import BASELINES, COMPARED, WRONG_MODELS, Run

    runs, long_runs = [], []
    for chapter in chapters:
        epochs, first = networks.DEFAULT_EPOCHS[chapter], networks.SEEDS[chapter]
        sources = (cell_measures.SOURCE,) if chapter == "cells" else ("mnist",)
        if chapter == "flowers":
            sources = ("synthetic", "photos") if photos else ("synthetic",)
        for source in sources:
            # The three MNIST chapters share what is known of the data; PCA belongs to the first.
            runs.append(Run(chapter if chapter in ("flowers", "cells") else "dense", BASELINES, 0, 0, source))
            runs.append(Run(chapter, "right", first, 0, source))  # untrained
            runs += [Run(chapter, "right", first + k, epochs, source) for k in range(seeds or SEED_COUNTS[chapter])]
            runs += [Run(chapter, model, first, epochs, source) for model in WRONG_MODELS[chapter]]
            for model in COMPARED.get(chapter, ()):
                runs += [Run(chapter, model, first + k, epochs, source) for k in range(seeds or SEED_COUNTS[chapter])]
            if full and networks.FULL_EPOCHS[chapter] > epochs:
                if chapter == "flowers":  # the full training sees more flowers
                    runs.append(Run(chapter, BASELINES, 0, networks.FULL_EPOCHS[chapter], source))
                long_runs.append(Run(chapter, "right", first, networks.FULL_EPOCHS[chapter], source))
    return [*dict.fromkeys(runs), *long_runs]


def cost(run):
    """Expected seconds of a run, or of a measurement on private images."""
    from autoencoder_grader.references.private_margins import SECRETS, PrivateRun

    steps = SECRETS if isinstance(run, PrivateRun) else run.epochs
    return START_SECONDS + steps * _step_cost(run)


def _step_cost(run):
    """Expected seconds of an epoch, or of one secret."""
    from autoencoder_grader.references import networks
    from autoencoder_grader.references.private_margins import PrivateRun

    if isinstance(run, PrivateRun):
        return SECRET_SECONDS[run.chapter]
    if run.chapter == "flowers" and run.epochs > networks.DEFAULT_EPOCHS["flowers"]:
        return FULL_FLOWERS_EPOCH_SECONDS
    return EPOCH_SECONDS[run.chapter]


def measure(runs, folder, workers, environment, report):
    """Measure ``runs`` in worker processes of one thread each; ``report(run, steps)`` is told of each epoch.

    runs: `Run`s, or `PrivateRun`s, of which each secret is a step. report: also called with None when a run
    is finished.

    Raises CourseError when runs failed (after the others are finished) or when the work was interrupted;
    what is finished stays stored, and the next call goes on from there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    processes, stopped, lock = set(), threading.Event(), threading.Lock()

    def work(run):
        if stopped.is_set():
            return True
        with open(folder / f"{run.name}.log", "w", encoding="utf-8") as log:
            with lock:
                process = subprocess.Popen(
                    worker_command(run, folder),
                    env=environment,
                    text=True,
                    encoding="utf-8",
                    stdout=subprocess.PIPE,
                    stderr=log,
                )
                processes.add(process)
            done = 0
            for line in process.stdout:
                log.write(line)
                if line.startswith(f"{run.name}: "):
                    done += 1
                    report(run, done)
            good = process.wait() == 0
        processes.discard(process)
        if good:
            report(run, None)
        return good

    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(work, run): run for run in runs}
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            stopped.set()
            for process in list(processes):
                process.terminate()
            raise CourseError("Interrupted. What is finished is kept; the same command goes on.") from None
        failed = [run.name for future, run in futures.items() if not future.result()]
    if failed:
        raise CourseError(
            f"{len(failed)} of {len(runs)} runs failed, the first: {failed[0]}; the reason stands in "
            f"{folder / failed[0]}.log. The others are kept; the same command tries again."
        )


def worker_command(run, folder):
    """The command line of the process that carries a run out."""
    return [sys.executable, "-m", "autoencoder_grader.references.measuring_worker", str(folder), run.name]


def find_photos(named):
    """The photos that --photos or AUTOENCODER_FLOWERS names; or None."""
    for path in (named, os.environ.get("AUTOENCODER_FLOWERS")):
        if path:
            if not Path(path).exists():
                raise CourseError(f"There are no flower photos at {path}; name an archive or folder with --photos.")
            return Path(path).resolve()
    return None


def write_values(folder, path):
    """Write what is measured so far.

    Returns the names of the tables that rest on more seeds, so were kept, and a line for each threshold that
    does not hold on private images. Raises CourseError when nothing is measured.
    """
    from autoencoder_grader.references import networks, private_margins, reference_file
    from autoencoder_grader.references import values as reference_values
    from autoencoder_grader.references.calibration import summarise

    stored = reference_file.read(path)
    new = reference_values.entries(reference_values.load_results(folder), networks.DEFAULT_EPOCHS)
    tables, kept = reference_values.merged(stored, new)
    if not tables:
        raise CourseError(
            f"Nothing is measured in {folder} yet; run `autoencoder-course references` without --only-write."
        )
    rows = private_margins.load_rows(folder)
    for name, found in summarise(rows, {name: table["threshold"] for name, table in tables.items()}).items():
        tables[name] = reference_values.placed_for_both(name, tables[name], found)
    private = summarise(rows, {name: table["threshold"] for name, table in tables.items()})
    tables = reference_values.with_private(tables, private)
    reference_file.write(path, tables)
    return kept, private_margins.broken_thresholds(tables)


@click.command("references", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--chapter", "chapters", type=click.Choice(CHAPTERS), multiple=True, help="Only this (repeatable).")
@click.option(
    "--seeds",
    type=click.IntRange(2),
    help="Seeds for each chapter. Default: 10, flowers 3, cells 5; with --networks 1.",
)
@click.option("--full/--no-full", default=True, help="Also train one seed for the full epochs. Default: yes.")
@click.option("--workers", type=click.IntRange(1), help="Processes of one thread each. Default: one a core.")
@click.option("--photos", type=click.Path(path_type=Path), help="Archive or folder of the flower photos.")
@click.option("--only-write", is_flag=True, help="Measure nothing: write what is measured already.")
@click.option(
    "--pictures", is_flag=True, help="Measure nothing: draw the pictures of long trainings, and the README's."
)
@click.option("--curves", is_flag=True, help="Measure only what trainings are drawn beside: 15 minutes with --seeds 5.")
@click.option("--widths", is_flag=True, help="Measure only chapter 1's network with other widths: 5 minutes.")
@click.option("--errors", is_flag=True, help="Measure only how far chance moves losses on private images: two minutes.")
@click.option("--weights", is_flag=True, help="Measure nothing: train the weights that the course carries: 7 minutes.")
@click.option(
    "--networks", is_flag=True, help="Measure only the long trainings, and write the networks of `trained`: hours."
)
@click.option("--unfinished", is_flag=True, help="With --networks: write those that are still in training, too.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where single results are kept. Default: build/references in the course folder.",
)
def command(
    chapters,
    seeds,
    full,
    workers,
    photos,
    only_write,
    pictures,
    curves,
    widths,
    errors,
    weights,
    networks,
    unfinished,
    folder,
):
    """Measure the reference values and write autoencoder_helpers/reference.toml and reference_curves.toml.

    At the end it writes the trained networks that the chapters show beside a learner's own, and trains the weights
    that the demo class and the corpus of made-up submissions hand in.
    Trained networks are measured on the public test images, and on private images of 20 secrets. Each run is
    stored when it is finished: after an interruption the same command goes on. Runs whose settings, data or
    library versions have changed are measured again. All of it takes hours.
    """
    from autoencoder_grader.course import find_course
    from autoencoder_grader.references.curves import curve_runs, write_curves
    from autoencoder_grader.references.values import load_results
    from autoencoder_helpers.reference import curves as reference_curves
    from autoencoder_helpers.reference import values as reference

    course = find_course()
    folder = folder or course / "build" / "references"
    photos = find_photos(photos)
    chosen = tuple(chapter for chapter in CHAPTERS if not chapters or chapter in chapters)
    workers = workers or os.cpu_count() or 1
    if widths:
        _measure_widths(seeds)
        return
    if errors:
        _measure_errors(chosen)
        return
    if weights:
        _train_weights(course, chosen)
        return
    if networks:
        _networks(chosen, folder, workers, photos, only_write, unfinished, seeds or 1)
        return
    if curves and not only_write:
        _measure_all(curve_runs(chosen, seeds or 5), folder, workers, photos, private=False)
    elif not only_write and not pictures:
        _measure_all(plan(chosen, seeds, full, photos is not None), folder, workers, photos)
    if curves or not (only_write or pictures):
        written = write_curves(load_results(folder), reference_curves.PATH)
        click.echo(f"Written: {reference_curves.PATH} ({', '.join(written) or 'all as it was'})")
    if not pictures and not curves:
        kept, broken = write_values(folder, reference.PATH)
        if kept:
            click.echo(f"Kept as stored (not measured here, or with fewer seeds): {', '.join(kept)}.")
        if photos is None and "flowers" in chosen:
            click.echo("The photos' values are the stored ones: no photo archive found; name one with --photos.")
        click.echo(f"Written: {reference.PATH}")
        if broken:
            raise CourseError("A threshold does not hold on private images: " + "; ".join(broken))
    if not (only_write or pictures or curves):
        if full:
            _write_networks(chosen, folder, photos)
        _train_weights(course, chosen)
        _measure_errors(chosen)
    if pictures:
        from autoencoder_grader.references.course_picture import draw_course_picture
        from autoencoder_grader.references.pictures import draw_all

        for path in draw_all(folder):
            click.echo(f"Drawn: {path}")
        click.echo(f"Drawn: {draw_course_picture(folder, course / 'docs' / 'images' / 'course.png')}")


def _networks(chosen, folder, workers, photos, only_write, unfinished, seeds):
    """Carry out the long trainings, or go on with them, and write what the course carries of them."""
    from autoencoder_grader.references import networks, reference_file, shipping
    from autoencoder_grader.references import values as reference_values
    from autoencoder_helpers.reference import values as reference

    if not only_write:
        wanted = shipping.of_chapters(chosen, photos is not None)
        _measure_all(shipping.runs(wanted, seeds), folder, workers, photos, private=False)
    tables = reference_file.read(reference.PATH)
    results = reference_values.load_results(folder)
    reference_file.write(reference.PATH, reference_values.with_full(tables, results, networks.DEFAULT_EPOCHS))
    click.echo(f"Written: {reference.PATH}")
    _write_networks(chosen, folder, photos, unfinished)


def _write_networks(chosen, folder, photos, unfinished=False):
    """Write the files and the tables of the networks that are trained, and tell of each."""
    from autoencoder_grader.references import reference_file, shipping
    from autoencoder_helpers.reference import values as reference

    tables, written = reference_file.read(reference.PATH), 0
    wanted = shipping.of_chapters(chosen, photos is not None)
    for name, facts in shipping.ship(folder, tables, wanted, unfinished, photos):
        carried = {**reference_file.read_networks(reference.PATH), name: facts}
        reference_file.write(reference.PATH, tables, {each: carried[each] for each in sorted(carried)})
        click.echo(
            f"Written: {name}, {facts['epochs']} of {facts['epochs_of_the_course']} epochs, {facts['bytes']:,} bytes"
        )
        written += 1
    if wanted and not written:
        click.echo(
            "No network that the course carries is finished; --networks goes on with them, --unfinished takes them as they are."
        )


def _measure_widths(seeds):
    """Measure what more latent variables buy, and write it for chapter 1."""
    from autoencoder_grader.references.widths import SEEDS, measure_widths, write_widths
    from autoencoder_helpers.reference.widths import PATH

    write_widths(measure_widths(seeds or SEEDS, click.echo), PATH)
    click.echo(f"Written: {PATH}")


def _measure_errors(chosen):
    """Measure the standard errors of losses on private images, write them, and tell of each what its margin needs."""
    from autoencoder_grader.references import private_errors, reference_file
    from autoencoder_grader.references.private_margins import SECRETS
    from autoencoder_helpers.reference import values as reference

    found = private_errors.measure_errors(chosen, range(SECRETS), lambda chapter: click.echo(f"Measured: {chapter}"))
    tables = private_errors.with_errors(reference_file.read(reference.PATH), found)
    reference_file.write(reference.PATH, tables)
    for line in private_errors.lines(tables):
        click.echo(line)


def _train_weights(course, chosen):
    """Train the weights that the course carries for some chapters, and tell of each how far it is."""
    from autoencoder_grader.references.trained import FOLDER, make_trained_weights
    from rich.console import Console

    console = Console(stderr=True)
    solutions = sorted((course / "solutions").glob("*/[0-9]*.ipynb"))
    for chapter, solution in zip(CHAPTERS, solutions, strict=True):
        if chapter in chosen:
            name = solution.stem
            with console.status(name) as status:
                written = make_trained_weights(
                    solution,
                    FOLDER / name,
                    lambda done, cells, name=name, status=status: status.update(f"{name}: cell {done + 1} of {cells}"),
                )
            click.echo(f"Written: {FOLDER / name} ({', '.join(path.stem for path in written)})")


def _measure_all(runs, folder, workers, photos, private=True):
    from autoencoder_grader.references import private_margins
    from filelock import FileLock, Timeout
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "PYTHONUNBUFFERED": "1"}
    if photos is not None:
        environment["AUTOENCODER_FLOWERS"] = str(photos)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            stages = (  # each looks at what is there when the one before it is finished
                lambda: [  # the baselines tell whether stored runs are stale
                    run for run in _unfinished(runs, folder, flowers_again=True) if run.model == "baselines"
                ],
                lambda: _unfinished(runs, folder),
                lambda: private_margins.unfinished(private_margins.private_runs(runs), folder) if private else [],
            )
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}% left:"),
                TimeRemainingColumn(elapsed_when_finished=True),
            )
            with Progress(*columns) as progress:
                for stage in stages:
                    part = stage()
                    if not part:
                        continue
                    task = progress.add_task(f"{len(part)} runs", total=sum(cost(run) for run in part))
                    finished = []

                    def report(run, steps, task=task, part=part, finished=finished):
                        progress.advance(task, START_SECONDS if steps is None else _step_cost(run))
                        if steps is None:
                            finished.append(run)
                        text = "finished" if steps is None else f"step {steps}"
                        progress.update(task, description=f"{len(finished)} of {len(part)} runs; {run.name}: {text}")

                    measure(part, folder, workers, environment, report)
    except Timeout:
        raise CourseError(f"Another `references` command is at work in {folder}; wait for it or stop it.") from None


def _unfinished(runs, folder, flowers_again=False):
    """The runs without a usable result, or without the weights that private images are to be measured with.

    What is known of the flowers is looked at afresh: their drawing may change.
    """
    from autoencoder_grader.references.private_margins import lacks_weights
    from autoencoder_grader.references.values import load_results

    results = load_results(folder)
    return [
        run
        for run in runs
        if run not in results
        or lacks_weights(run, folder)
        or (flowers_again and run.chapter == "flowers" and run.model == "baselines")
    ]


if __name__ == "__main__":
    command()
