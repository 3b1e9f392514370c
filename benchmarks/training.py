"""How fast the course's networks are trained: images a second, beside the floor, with what TensorFlow offers on a processor.

The floor is what a network's multiplications would take if both cores did nothing else: those of one image forwards, three times
(forwards, and backwards twice: to what comes in, and to the weights), over what the same cores do in a product of matrices. Each way
to train is tried in a process of its own, in turn, some rounds each; the best round counts, because other programs only
ever slow one down. Ten minutes on a machine that does nothing else:

    .venv/bin/python benchmarks/training.py

`--losses` trains the dense and the convolutional network for two epochs each, with larger batches and their rate scaled by the square root,
from three seeds, with Keras's `fit` on arrays: what a way that changes results would change. training.json is written beside this file. Another
library can be compared on the same digits: `--other PYTHON PROGRAM` (benchmarks/training_pytorch.py is one).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from common import COURSE, machine, only_draw, print_table, read_json, say, to_folder, warn_if_busy, write_json

#: Network -> images of a round, and how often they are gone through in it. A round is a `fit` of its own, which takes a
#: tenth of a second before and after its steps, so it shall last some seconds.
ROUNDS = {"dense": (20_000, 4), "conv": (10_000, 1), "vae": (10_000, 1), "flowers": (300, 2), "cells": (560, 40)}
USUAL = "as the course trains"
#: What is tried: settings of TensorFlow in the environment ("env"), of Keras's `compile` ("compile"), and others. Unless they
#: say how batches are made ("batches"), the course's own `train` makes them.
WAYS = {
    USUAL: {},
    "Keras's fit on arrays": {"batches": "arrays"},
    "one thread": {"threads": 1},
    "without oneDNN": {"env": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
    "compiled by XLA": {"compile": {"jit_compile": True}},
    "16 steps in one": {"compile": {"steps_per_execution": 16}},
    "tf.data, autotuned": {"batches": "dataset"},
    "batches twice as large": {"larger": 2},
    "batches four times as large": {"larger": 4},
    "Keras 3": {"keras": 3, "batches": "arrays"},
}
#: Ways of which the losses are compared; networks for which.
LOSSES = {name: WAYS[name] for name in (USUAL, "batches twice as large", "batches four times as large", "Keras 3")}
LOSS_OF, LOSS_IMAGES, LOSS_EPOCHS, SEEDS = ("dense", "conv"), 20_000, 2, (1, 2, 3)
#: Networks that Keras 3, too, can build: TensorFlow Probability's layers are of the older one.
PLAIN = ("dense", "conv")


def multiplications(model) -> int:
    """Of one image forwards, in layers that have weights; biases, bends and losses are left out."""
    count = 0
    for layer in getattr(model, "layers", ()):
        kind = type(layer).__name__
        if kind == "Dense":
            count += layer.input_shape[-1] * layer.units
        elif kind in ("Conv2D", "Conv2DTranspose"):
            # Each weight is used once at each place: of the output, or of the input where that is the smaller one.
            places = layer.output_shape if kind == "Conv2D" else layer.input_shape
            high, wide, *_ = layer.kernel_size
            count += places[1] * places[2] * high * wide * layer.input_shape[-1] * layer.filters
        else:
            count += multiplications(layer)
    return count


def inside(order: dict) -> dict:
    """Train in this process as ordered; return what came of it."""
    import autoencoder_helpers  # noqa: F401  (before TensorFlow)
    import tensorflow as tf

    if order.get("threads"):
        tf.config.threading.set_intra_op_parallelism_threads(order["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(order["threads"])
    if order.get("what") == "matrices":
        return {"multiplications_a_second": _products(tf)}
    network, x, y, batch = _network(order["network"], order.get("keras"), order.get("seed", 1))
    batch *= order.get("larger", 1)
    found = {"parameters": network.count_params()}
    if order.get("keras") != 3:
        found["multiplications"] = multiplications(network)
    if order.get("larger"):
        rate = network.optimizer.learning_rate
        rate.assign(rate * order["larger"] ** 0.5)
    if order.get("compile"):
        network.compile(optimizer=network.optimizer, loss=network.loss, **order["compile"])
    if "epochs" in order:
        network.fit(x[: order["images"]], y[: order["images"]], batch_size=batch, epochs=order["epochs"], verbose=0)
        return {**found, "loss": float(network.evaluate(*_test(order["network"]), batch_size=500, verbose=0))}
    images, times = ROUNDS[order["network"]]
    x, y = x[:images], y[:images]
    rounds = []
    train_once = _trainer(order.get("batches"), network, x, y, batch, rounds)
    train_once(times)  # compiles
    rounds.clear()
    for _ in range(order["rounds"]):
        train_once(times)
    return {**found, "images": images * times, "rounds": rounds}


def _trainer(batches: str | None, network, x, y, batch: int, rounds: list):
    """train_once(epochs): go on for so many epochs, and append to `rounds` what Keras's `fit` took of the clock and the processor."""
    import tensorflow as tf

    fit, done = network.fit, 0
    settings = {"x": x, "y": y, "batch_size": batch, "verbose": 0}
    if batches == "dataset":
        data = tf.data.Dataset.from_tensor_slices((x, y)).cache().shuffle(len(x), seed=1).batch(batch)
        settings = {"x": data.prefetch(tf.data.AUTOTUNE), "verbose": 0}

    def timed(*arguments, **named):
        used, began = time.process_time(), time.perf_counter()
        fit(*arguments, **named)
        rounds.append({"clock": time.perf_counter() - began, "processor": time.process_time() - used})

    def train_once(epochs: int):
        nonlocal done
        done += epochs
        if batches:
            timed(**settings, epochs=epochs)
            return
        from autoencoder_helpers import train

        with contextlib.redirect_stdout(io.StringIO()):
            train(network, x, y, epochs=done, batch_size=batch, name="network", folder=folder.name)

    network.fit = timed  # `train` looks at data and files besides, once however many epochs there are
    folder = tempfile.TemporaryDirectory()
    return train_once


def _products(tf, size: int = 2048, seconds: float = 3.0) -> float:
    """Multiplications a second in products of matrices, the best of some."""
    a = tf.random.normal((size, size))
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        tf.linalg.matmul(a, a)[0, 0].numpy()
        best = max(best, size**3 / (time.perf_counter() - began))
    return best


def _network(name: str, version: int | None, seed: int):
    """(the compiled network, what goes in, what shall come out, batch size) of the course, as its short run trains it."""
    import numpy as np
    from autoencoder_grader.references import networks

    if version == 3:
        import keras

        networks.keras, networks.layers = keras, keras.layers
    networks.keras.utils.set_random_seed(seed)
    settings = networks.recipe(name)
    batch = settings["batch_size"]
    if name == "cells":
        from autoencoder_helpers import load_cells
        from autoencoder_helpers.images.cells import counts_of

        x = load_cells().x_train
        return networks.cell_vae()[2], x, np.asarray(counts_of(x), "float32"), batch
    if name == "flowers":
        from autoencoder_helpers import load_flowers

        images = load_flowers("synthetic", count=ROUNDS[name][0] * 2).x_train.astype("float32")
        images /= 255
        return networks.flower_vae(width=settings["width"])[2], images, images, batch
    build = {
        "dense": networks.dense_autoencoder,
        "conv": networks.convolutional_autoencoder,
        "vae": networks.variational_autoencoder,
    }[name]
    x = _digits(name, 0)
    return build()[2], x, x, batch


def _digits(name: str, which: int):
    from autoencoder_helpers import load_mnist

    images = load_mnist(flatten=name == "dense")[which][0].astype("float32") / 255
    return images if name == "dense" else images[..., None]


def _test(name: str):
    x = _digits(name, 1)
    return x, x


def ask(order: dict) -> dict:
    """Have an order done in a process of its own."""
    command = [sys.executable, __file__, "--inside", json.dumps(order)]
    done = subprocess.run(
        command, cwd=COURSE, env={**os.environ, **order.get("env", {})}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{order} ended with {done.returncode}; what it said stands above")
    return json.loads(done.stdout.splitlines()[-1])


def ask_or_say(name: str, way: str, order: dict) -> dict:
    """What `ask` returns; {} for a way that this network cannot go, as XLA, which has no gradient of UpSampling2D."""
    try:
        return ask(order)
    except click.ClickException:
        if way == USUAL:
            raise
        say(f"{name}, {way}: cannot be done; why stands above")
        return {}


def best(found: dict) -> dict:
    """The best round: images a second by the clock, and processor time of one image."""
    return {
        "a_second": found["images"] / min(one["clock"] for one in found["rounds"]),
        "processor_each": min(one["processor"] for one in found["rounds"]) / found["images"],
    }


def measure_rates(found: dict, names, rounds: int, other) -> None:
    """Put into `found`, which keeps what an interrupted run had: network -> way -> the rounds."""
    for name in names:
        found.setdefault(name, {})
        for way, settings in WAYS.items():
            if settings.get("keras") == 3 and name not in PLAIN:
                continue
            result = ask_or_say(name, way, {"network": name, "rounds": rounds, **settings})
            result = _with_earlier(result, found[name].get(way))
            found[name][way] = result
            if result:
                say(f"{name}, {way}: {best(result)['a_second']:.0f} images a second")
        if other and name in PLAIN:
            label, result = ask_other(other, {"network": name, "rounds": rounds, "images": ROUNDS[name][0]})
            found[name][label] = result = _with_earlier(result, found[name].get(label))
            say(f"{name}, {label}: {best(result)['a_second']:.0f} images a second")


def _with_earlier(result: dict, earlier: dict | None) -> dict:
    """A result with the rounds of an earlier one, of as many images, before its own."""
    if not result or not earlier or earlier["images"] != result["images"]:
        return result
    return {**result, "rounds": earlier["rounds"] + result["rounds"]}


def ask_other(other, order: dict) -> tuple[str, dict]:
    """Have another library train on the same digits: (its name and version, what it found)."""
    from autoencoder_grader.references import networks

    name = order["network"]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        import numpy as np

        np.savez(Path(folder, "digits.npz"), train=_digits(name, 0)[:LOSS_IMAGES], test=_digits(name, 1))
        command = [*other, str(Path(folder, "digits.npz")), json.dumps({**order, **networks.recipe(name)})]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found.pop("label"), found


def measure_losses(found: dict, other) -> None:
    """Put into `found`: network -> way -> test losses, one a seed."""
    for name in LOSS_OF:
        found[name] = {}
        common = {"network": name, "epochs": LOSS_EPOCHS, "images": LOSS_IMAGES}
        for way, settings in LOSSES.items():
            found[name][way] = [ask({**common, **settings, "seed": seed})["loss"] for seed in SEEDS]
            say(f"{name}, {way}: {', '.join(f'{loss:.4f}' for loss in found[name][way])}")
        if other:
            asked = [ask_other(other, {**common, "seed": seed}) for seed in SEEDS]
            found[name][asked[0][0]] = [result["loss"] for _, result in asked]


def show(data: dict) -> None:
    """Print what was measured."""
    for name, ways in data.get("rates", {}).items():
        if not ways.get(USUAL):
            continue  # stopped before
        usual = best(ways[USUAL])["a_second"]
        count = ways[USUAL]["multiplications"]
        floor = data["multiplications_a_second"] / (3 * count)
        rows = [("floor", f"{floor:.0f}", f"{floor / usual:.2f}", "")]
        for way, found in ways.items():
            if not found:
                rows.append((way, "cannot be done", "", ""))
                continue
            one = best(found)
            rows.append(
                (
                    way,
                    f"{one['a_second']:.0f}",
                    f"{one['a_second'] / usual:.2f}",
                    f"{one['processor_each'] * 1e6:.0f} µs",
                )
            )
        title = f"{name}: {count / 1e6:.2f} million multiplications an image"
        print_table(title, ("", "images a second", "times ours", "processor time an image"), rows)
    for name, ways in data.get("losses", {}).items():
        rows = [(way, *(f"{loss:.4f}" for loss in found)) for way, found in ways.items()]
        title = f"{name}: test loss in nats per pixel, {LOSS_EPOCHS} epochs of {LOSS_IMAGES:,} digits"
        print_table(title, ("", *(f"seed {seed}" for seed in SEEDS)), rows)


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--network", "names", multiple=True, type=click.Choice([*ROUNDS]), help="Only this one (repeatable).")
@click.option("--rounds", default=3, show_default=True, help="Of which the best counts.")
@click.option("--more", is_flag=True, help="Add these rounds to those that the JSON holds.")
@click.option("--losses", "with_losses", is_flag=True, help="Compare losses after equal epochs, too.")
@click.option(
    "--other", nargs=2, type=click.Path(exists=True), help="A Python and a program that trains with another library."
)
@to_folder
@only_draw
def main(names, rounds, more, with_losses, other, to, only_draw):
    if only_draw:
        show(read_json(to / "training.json"))
        return
    warn_if_busy()
    stored = read_json(to / "training.json") if (to / "training.json").exists() else {}
    rates = stored.get("rates", {}) if more else {}
    data = {"machine": machine(), "rates": rates, "losses": stored.get("losses", {})}  # losses are those of any machine
    try:
        data |= ask({"what": "matrices"})
        measure_rates(data["rates"], names or ROUNDS, rounds, other)
        if with_losses:
            measure_losses(data["losses"], other)
    except KeyboardInterrupt:
        say("stopped; this is what was measured")
    data["load_at_the_end"] = machine()["load"]
    show(data)
    write_json(to / "training.json", data)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        print(json.dumps(inside(json.loads(sys.argv[2]))))
    else:
        main()
