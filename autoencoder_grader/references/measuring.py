"""One measured run: build a network of the course, train it as its chapter does, measure it on the test set.

A run is described by a small value (``Run``) and leaves one JSON file, and its weights. It is meant to be
called in a process of its own (measuring_worker.py).
"""

import dataclasses
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import autoencoder_helpers  # noqa: F401  (it chooses the Keras, before TensorFlow is imported)
import numpy as np
from autoencoder_grader.references import cell_measures
from autoencoder_helpers import measures
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images.cells import counts_of

BASELINES = "baselines"  # the "model" of a run that trains nothing
POINTS = ((10.0, 10.0), (5.0, 5.0))  # the two latent points that chapter 2 decodes
# Networks that a chapter's checks are to tell from right ones, or that they are compared with.
WRONG_MODELS = {
    "dense": ("one latent variable",),
    "conv": ("one latent variable",),
    "vae": ("no KL (beta 0)", "KL counted twice (beta 2)", "beta 8", "without x 784"),
    "flowers": (),  # the mean image, which needs no training, is better than any collapsed one
    "cells": ("one latent variable", "no KL (beta 0)", "KL counted twice (beta 2)", "a mean over the genes"),
}
# Networks that are compared with a chapter's own one, over as many seeds.
COMPARED = {
    "cells": tuple(
        f"{kind}, {count}" for kind in ("autoencoder", "VAE") for count in (2, 4, 10) if (kind, count) != ("VAE", 2)
    )
}
NEIGHBOUR_SAMPLE = 10_000  # training codes that the nearest-neighbour classifier looks at


@dataclasses.dataclass(frozen=True)
class Run:
    """What is trained: chapter, model ("right" or the name of a wrong one), seed, epochs, and the data
    set.
    """

    chapter: str
    model: str
    seed: int
    epochs: int
    source: str = "mnist"

    @property
    def name(self):
        """The run as one word, also the stem of its file: "vae,right,321,3,mnist"."""
        return ",".join(str(value) for value in dataclasses.astuple(self))

    @classmethod
    def parse(cls, name):
        """The inverse of ``name``."""
        chapter, model, seed, epochs, source = name.split(",")
        return cls(chapter, model, int(seed), int(epochs), source)


def settings(run):
    """All that the result depends on beside the code: a stored result with other settings is measured
    again.
    """
    from autoencoder_grader.references import networks

    return networks.recipe(run.chapter, run.epochs)


def build(run):
    """(encoder, decoder, whole) of a run; the seed is set first, as in the first cell of a chapter."""
    import tf_keras as keras
    from autoencoder_grader.references import networks

    keras.utils.set_random_seed(run.seed)
    builders = {
        ("dense", "right"): networks.dense_autoencoder,
        ("dense", "one latent variable"): lambda: networks.dense_autoencoder(latent_dim=1),
        ("conv", "right"): lambda: networks.convolutional_autoencoder(epochs=run.epochs),
        ("conv", "one latent variable"): lambda: networks.convolutional_autoencoder(latent_dim=1),
        ("vae", "right"): lambda: networks.variational_autoencoder(epochs=run.epochs),
        ("vae", "no KL (beta 0)"): lambda: networks.variational_autoencoder(kl_weight=0.0),
        ("vae", "KL counted twice (beta 2)"): lambda: networks.variational_autoencoder(kl_weight=1.0),
        ("vae", "beta 8"): lambda: networks.variational_autoencoder(kl_weight=4.0),
        ("vae", "without x 784"): lambda: networks.variational_autoencoder(pixels=1),
        ("flowers", "right"): lambda: networks.flower_vae(width=settings(run)["width"], epochs=run.epochs),
    }
    builders |= {
        ("cells", "right"): networks.cell_vae,
        ("cells", "one latent variable"): lambda: networks.cell_vae(latent_dim=1),
        ("cells", "no KL (beta 0)"): lambda: networks.cell_vae(kl_weight=0.0),
        ("cells", "KL counted twice (beta 2)"): lambda: networks.cell_vae(kl_weight=1.0),
        ("cells", "a mean over the genes"): lambda: networks.cell_vae(per_gene=True),
    }
    if run.chapter == "cells" and run.model in COMPARED["cells"]:
        kind, count = run.model.split(", ")
        return (networks.cell_vae if kind == "VAE" else networks.cell_autoencoder)(int(count))
    return builders[run.chapter, run.model]()


def load_data(run, photos=None):
    """(x_train, x_test, y_train, y_test) of a run: images float32 in [0, 1] in the shape its network takes.

    photos: the archive or folder of flower photos, for a run that learns them; None: as `load_flowers` finds them.
    """
    from autoencoder_helpers import load_flowers, load_mnist

    if run.chapter == "cells":
        return cell_measures.data()
    if run.chapter == "flowers":
        flowers = load_flowers(
            run.source, count=settings(run)["images"], path=photos if run.source == "photos" else None
        )
        data = flowers.x_train, flowers.x_test, flowers.y_train, flowers.y_test
    else:
        (x_train, y_train), (x_test, y_test) = load_mnist(flatten=run.chapter == "dense")
        data = x_train, x_test, y_train, y_test
        if run.chapter != "dense":
            data = x_train[..., np.newaxis], x_test[..., np.newaxis], y_train, y_test
    x_train, x_test, y_train, y_test = data
    return scaled(x_train), scaled(x_test), np.asarray(y_train), np.asarray(y_test)


def scaled(x):
    """uint8 0..255 -> float32 0..1."""
    return np.asarray(x, dtype=np.float32) / np.float32(255)


def data_hash(data):
    """SHA-256 of the images (as uint8, training set first, in memory order) and the labels: names a data
    set.
    """
    digest = hashlib.sha256()
    x_train, x_test, y_train, y_test = data
    for images in (x_train, x_test):
        if images.max() > 1:  # no images: cells
            digest.update(np.ascontiguousarray(images, np.float32).tobytes())
            continue
        for start in range(0, len(images), 5000):
            digest.update(np.rint(images[start : start + 5000] * 255).astype(np.uint8).tobytes())
    for labels in (y_train, y_test):
        digest.update(np.asarray(labels, dtype=np.uint8).tobytes())
    return digest.hexdigest()


def codes(encoder, x):
    """(mean, scale) of the codes of x, float64: (N, d) and, by kind, None, (N, d) deviations or (N, d, d)
    triangles.
    """
    means, scales = [], []
    for start in range(0, len(x), 500):
        out = encoder(x[start : start + 500])
        if hasattr(out, "stddev"):
            means.append(np.asarray(out.mean()))
            full = hasattr(out, "scale_tril")
            scales.append(np.asarray(out.scale_tril if full else out.stddev()))
        else:
            means.append(np.asarray(out))
    mean = np.concatenate(means).astype(np.float64)
    return mean, (np.concatenate(scales).astype(np.float64) if scales else None)


def test_losses(run, encoder, decoder, data):
    """The chapter's losses on the test set, as a dictionary of floats; all in nats, see the keys.

    For the variational networks one z is drawn for each image from its posterior, with NumPy's generator
    seeded with the run's seed, so that measuring during a training does not disturb the training's own
    random numbers.
    """
    x_test = data[1]
    if run.chapter == "cells":
        mean, scale = codes(encoder, x_test)
        if scale is None:
            return {"mse": measures.mse_per_pixel(x_test, _decoded(decoder, mean))}
        return cell_measures.losses(decoder, mean, scale, counts_of(x_test), run.seed)
    each = losses_of_each(run, encoder, decoder, x_test)
    reconstruction = float(each.R.mean())
    if each.K is None:
        return {"bce_per_pixel": reconstruction / measures.pixels(x_test), "bce_per_image": reconstruction}
    spread = {"stddev": float(each.scale.mean())} if each.scale.ndim == 2 else {}
    divergence = float(each.K.mean())
    return {"R": reconstruction, "K": divergence, "R_plus_K": reconstruction + divergence, **spread}


class Losses(NamedTuple):
    """Of each image: R, and K of a variational network, None for others, in nats, (N,); scale: as `codes` gives it."""

    R: np.ndarray
    K: np.ndarray | None
    scale: np.ndarray | None


def losses_of_each(run, encoder, decoder, images) -> Losses:
    """The losses of digits or flowers one by one, drawn for as `test_losses` says."""
    mean, scale = codes(encoder, images)
    if scale is None:
        return Losses(measures.bce_per_image(images, _decoded(decoder, mean)), None, None)
    noise = np.random.default_rng(run.seed).standard_normal(mean.shape)
    if scale.ndim == 2:
        z, kl = mean + scale * noise, measures.gaussian_kl(mean, scale)
    else:
        z, kl = mean + np.einsum("nij,nj->ni", scale, noise), measures.gaussian_kl_tril(mean, scale)
    return Losses(measures.bce_per_image(images, _decoded(decoder, z)), kl, scale)


def _decoded(decoder, z):
    return decoder.predict(np.asarray(z, dtype=np.float32), verbose=0, batch_size=200)


def latent_facts(encoder, data):
    """What the latent plane is worth: clustering and neighbours against the labels, support of two points,
    spread.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from sklearn.neighbors import KNeighborsClassifier

    x_train, x_test, y_train, y_test = data
    test, _ = codes(encoder, x_test)
    train, _ = codes(encoder, x_train[:NEIGHBOUR_SAMPLE])
    groups = KMeans(10, n_init=10, random_state=0).fit_predict(test)
    facts = {
        "adjusted_rand_index": float(adjusted_rand_score(y_test, groups)),
        "neighbour_accuracy": float(KNeighborsClassifier(5).fit(train, y_train[:NEIGHBOUR_SAMPLE]).score(test, y_test)),
        "code_deviation": [float(value) for value in test.std(axis=0)],
        "share_within_radius_3": float((np.linalg.norm(test, axis=1) <= 3).mean()),
    }
    if test.shape[1] == 2:
        facts["nearest_code"] = {
            f"{a:g},{b:g}": float(d) for (a, b), d in zip(POINTS, measures.nearest_distance(POINTS, test))
        }
    return facts


def perform(run, folder, data=None):
    """Carry a run out (or on, if it was interrupted) and return its result, which is also stored in
    ``folder``.
    """
    data = load_data(run) if data is None else data
    outcome = baselines(run, data) if run.model == BASELINES else _train(run, Path(folder), data)
    result = {
        "run": dataclasses.asdict(run),
        "settings": settings(run),
        "data_sha256": data_hash(data),
        "versions": versions(),
        **outcome,
    }
    store(result, Path(folder) / f"{run.name}.json")
    return result


def baselines(run, data):
    """What is known of a data set without any network: floor, mean image, and for the digits PCA."""
    from sklearn.decomposition import PCA

    x_train, x_test, *_ = data
    if run.chapter == "cells":
        return cell_measures.baselines(*data)
    test = {
        "floor": float(measures.entropy_per_image(x_test).mean()),
        "mean image": measures.mean_image_baseline(x_train, x_test),
        "values": measures.pixels(x_test),
    }
    if run.chapter == "flowers":
        return {"test": test}
    x_train, x_test = (x.reshape(len(x), -1).astype(np.float64) for x in (x_train, x_test))
    mean = measures.mean_image(x_train)
    errors = {"mean image": measures.mse_per_pixel(x_test, np.repeat(mean, len(x_test), axis=0))}
    for count in (1, 2, 3):
        pca = PCA(count, svd_solver="covariance_eigh").fit(x_train)
        copies = pca.inverse_transform(pca.transform(x_test))
        errors[f"{count} components"] = measures.mse_per_pixel(x_test, copies)
    pca = PCA(2, svd_solver="covariance_eigh").fit(x_train)
    errors["2 components, mean not restored"] = measures.mse_per_pixel(x_test, pca.transform(x_test) @ pca.components_)
    return {"test": test, "pca": errors}


def _train(run, folder, data):
    """Train and measure. After each epoch the weights, the optimiser's state and the history so far are
    stored.

    A run that was interrupted goes on behind its last finished epoch, with new random numbers (the result
    says so).
    """
    import tf_keras as keras

    encoder, decoder, whole = build(run)
    state = _State(run, folder, whole)
    history, resumed = state.load() if run.epochs else ([], False)
    if resumed:
        keras.utils.set_random_seed(run.seed + len(history))
    started = time.monotonic()

    def after_epoch(epoch, logs):
        nonlocal started
        seconds = time.monotonic() - started
        history.append(
            {
                "epoch": epoch + 1,
                "seconds": round(seconds, 1),
                "train_loss": float(logs["loss"]),
                **test_losses(run, encoder, decoder, data),
            }
        )
        state.save(history)
        print(f"{run.name}: epoch {epoch + 1}/{run.epochs} {history[-1]}", flush=True)
        started = time.monotonic()

    x_train = data[0]
    if len(history) < run.epochs:
        whole.fit(
            x_train,
            counts_of(x_train) if run.chapter == "cells" and not run.model.startswith("autoencoder") else x_train,
            epochs=run.epochs,
            initial_epoch=len(history),
            shuffle=True,
            verbose=0,
            batch_size=settings(run)["batch_size"],
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)],
        )
    outcome = {
        "resumed": resumed,
        "parameters": {
            "encoder": encoder.count_params(),
            "decoder": decoder.count_params(),
            "whole": whole.count_params(),
        },
        "train_images": len(data[0]),
        "shapes": {"image": list(data[0].shape[1:]), "latent": int(decoder.input_shape[1])},
        "test": test_losses(run, encoder, decoder, data),
        "history": history,
    }
    if run.chapter == "cells":
        (train, _), (test, _) = (codes(encoder, x) for x in data[:2])
        outcome["latent"] = cell_measures.facts(train, test, *data[2:])
    elif run.chapter != "flowers":
        outcome["latent"] = latent_facts(encoder, data)
    return outcome  # the weights stay: pictures are drawn and private images are measured with them


def weights_path(run, folder):
    """The file in ``folder`` that keeps the weights of a run of one epoch or more."""
    return Path(folder) / f"{run.name}.state.npz"


def restore(run, folder):
    """(encoder, decoder, whole) of a finished run, with the weights that its training left in ``folder``.

    A run of no epochs has left none: its seed makes the weights again. Raises CourseError when the weights of
    any other run are not there.
    """
    encoder, decoder, whole = build(run)
    if run.epochs == 0:
        return encoder, decoder, whole
    history, found = _State(run, folder, whole).load()
    if not found or len(history) < run.epochs:
        raise CourseError(
            f"No finished training of {run.name} is stored in {folder}; run `autoencoder-course "
            f"references --chapter {run.chapter}` first."
        )
    return encoder, decoder, whole


class Restored(NamedTuple):
    """The networks of a training, with the weights after its last whole epoch, and one entry an epoch."""

    encoder: object
    decoder: object
    whole: object
    history: list[dict]


def restore_so_far(run, folder):
    """A run's networks as far as its training has come in ``folder``, as `Restored`; None if no epoch is finished."""
    encoder, decoder, whole = build(run)
    history, found = _State(run, folder, whole).load()
    return Restored(encoder, decoder, whole, history) if found and history else None


def store(result, path):
    """Write JSON so that a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    unfinished.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def versions():
    """What the numbers were measured with."""
    from importlib.metadata import version

    return {
        "python": ".".join(str(part) for part in sys.version_info[:2]),
        **{name: version(name) for name in ("tensorflow", "tf_keras", "tensorflow_probability", "numpy")},
    }


class _State:
    """Weights, optimiser state and history of an unfinished run, in one file without pickles."""

    def __init__(self, run, folder, model):
        self.path, self.model, self.settings = weights_path(run, folder), model, settings(run)

    def _variables(self):
        self.model.optimizer.build(self.model.trainable_variables)
        return [*self.model.weights, *self.model.optimizer.variables]

    def save(self, history):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        arrays = {f"v{number}": variable.numpy() for number, variable in enumerate(self._variables())}
        story = json.dumps({"history": history, "settings": self.settings})
        with open(unfinished, "wb") as file:
            np.savez(file, story=np.array(story), **arrays)
        os.replace(unfinished, self.path)

    def load(self):
        """(history, resumed): puts a stored state into the model if there is one that fits."""
        if not self.path.exists():
            return [], False
        variables = self._variables()
        with np.load(self.path, allow_pickle=False) as stored:
            arrays = [stored[f"v{number}"] for number in range(len(stored.files) - 1)]
            story = json.loads(str(stored["story"]))
        if story["settings"] != self.settings or [array.shape for array in arrays] != [
            tuple(variable.shape) for variable in variables
        ]:
            return [], False
        for variable, array in zip(variables, arrays):
            variable.assign(array)
        return story["history"], True
