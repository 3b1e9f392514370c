"""What a chapter's few epochs are best spent on: test losses after each epoch, by optimizer, rate, decay and batch.

Each recipe trains a chapter's network on all 60,000 digits from the chapter's seed, on one thread. recipes.json is written
beside this file after each run, and what stands there is not run again, so an interrupted measurement goes on. An hour on
two cores:

    .venv/bin/python benchmarks/recipes.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import click
from common import COURSE, only_draw, print_table, read_json, say, to_folder, write_json

#: Network -> (optimizer, learning rate, decay over all steps, batch size) that are tried, the course's own among them.
RECIPES = {
    "dense": [
        ("Adamax", 0.01, "none", 128),
        ("Adamax", 0.01, "linear", 128),
        ("Adamax", 0.01, "none", 64),
        ("Adam", 0.003, "none", 128),
        ("Adam", 0.003, "linear", 128),
        ("Adam", 0.005, "none", 128),
        ("Adam", 0.003, "none", 64),
    ],
    "conv": [
        ("RMSprop", 0.001, "none", 64),
        ("Adam", 0.003, "none", 64),
        ("Adam", 0.003, "linear", 64),
        ("Adam", 0.005, "none", 64),
        ("Adam", 0.003, "none", 32),
    ],
    "vae": [
        ("Adamax", 0.001, "none", 32),
        ("Adam", 0.003, "none", 64),
        ("Adam", 0.003, "linear", 64),
        ("Adam", 0.005, "none", 64),
        ("Adam", 0.003, "none", 32),
    ],
}
UNITS = {"dense": "nats per pixel", "conv": "nats per pixel", "vae": "nats per image, R + K"}
FILE = "recipes.json"


def inside(order: dict) -> dict:
    """Train in this process as ordered; the test loss after each epoch, and the processor seconds of it all."""
    import autoencoder_helpers  # noqa: F401  (before TensorFlow)
    import tensorflow as tf
    import tf_keras as keras
    from autoencoder_grader.references import measuring, networks

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    name, (optimizer, rate, decay, batch) = order["network"], order["recipe"]
    run = measuring.Run(name, "right", networks.SEEDS[name], networks.DEFAULT_EPOCHS[name])
    whole = measuring.build(run)[2]
    x, test, *_ = measuring.load_data(run)
    steps = run.epochs * -(-len(x) // batch)
    steady = keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0) if decay == "linear" else rate
    whole.compile(optimizer=getattr(keras.optimizers, optimizer)(steady), loss=whole.loss)
    losses, began = [], time.process_time()
    for _ in range(run.epochs):
        whole.fit(x, x, batch_size=batch, epochs=1, verbose=0)
        losses.append(float(whole.evaluate(test, test, batch_size=500, verbose=0)))
    return {**order, "seed": run.seed, "losses": losses, "processor": time.process_time() - began}


def show(found: list[dict]) -> None:
    """Print what was measured, the best of each network first."""
    for name, unit in UNITS.items():
        mine = sorted((one for one in found if one["network"] == name), key=lambda one: one["losses"][-1])
        rows = []
        for one in mine:
            optimizer, rate, decay, batch = one["recipe"]
            said = f"{optimizer} {rate:g}{', to zero' if decay == 'linear' else ''}, batches of {batch}"
            rows.append((said, *(f"{loss:#.4g}" for loss in one["losses"]), f"{one['processor']:.0f} s"))
        if rows:
            columns = ("", *(f"epoch {number + 1}" for number in range(len(mine[0]["losses"]))), "processor")
            print_table(f"{name}, seed {mine[0]['seed']}: test loss in {unit}", columns, rows)


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--network", "names", multiple=True, type=click.Choice([*RECIPES]), help="Only this one (repeatable).")
@click.option("--workers", default=2, show_default=True, help="Trainings at a time, of one thread each.")
@to_folder
@only_draw
def main(names, workers, to, only_draw):
    path = to / FILE
    found = read_json(path)["runs"] if only_draw or path.exists() else []
    done = {(one["network"], *one["recipe"]) for one in found}
    orders = [
        {"network": name, "recipe": list(recipe)}
        for name in (names or RECIPES)
        for recipe in RECIPES[name]
        if (name, *recipe) not in done
    ]

    def carry_out(order):
        command = [sys.executable, __file__, "--inside", json.dumps(order)]
        done = subprocess.run(command, cwd=COURSE, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{order} ended with {done.returncode}; what it said stands above")
        result = json.loads(done.stdout.splitlines()[-1])
        found.append(result)
        write_json(path, {"runs": sorted(found, key=lambda one: json.dumps([one["network"], one["recipe"]]))})
        say(
            f"{len(found)} of {len(orders) + len(done_before)}: {order['network']}, {order['recipe']}: {result['losses'][-1]:#.4g}"
        )

    done_before = [*found]
    if not only_draw:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(carry_out, orders):
                pass
    show(found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        print(json.dumps(inside(json.loads(sys.argv[2]))))
    else:
        main()
