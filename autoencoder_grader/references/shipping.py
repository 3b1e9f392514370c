"""The trained networks that the course carries: which they are, their files, and what is measured of each.

Each is the right network of a chapter, trained for all epochs of the course from one seed. Its numbers are kept in half
precision where that changes its loss by less than another seed would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from autoencoder_grader.files.whole_files import write_whole_bytes
from autoencoder_grader.references import measuring, networks
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.measuring import BASELINES, Run
from autoencoder_helpers import measures
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.shipped import files


class Shipped(NamedTuple):
    """A network: its chapter, the images that it learns, and the check whose value it is judged by."""

    chapter: str
    source: str
    check: str

    @property
    def run(self) -> Run:
        """Its training."""
        epochs = networks.FULL_EPOCHS[self.chapter]
        return Run(self.chapter, "right", networks.SEEDS[self.chapter], epochs, self.source)

    @property
    def baselines(self) -> Run:
        """What is known of its images without any network."""
        if self.chapter == "flowers":
            return Run("flowers", BASELINES, 0, self.run.epochs, self.source)
        return Run("dense", BASELINES, 0, 0, self.source)


#: By the name that its file has.
NETWORKS = {
    "conv_autoencoder": Shipped("conv", "mnist", "conv.trained"),
    "vae": Shipped("vae", "mnist", "vae.trained"),
    "flower_vae_synthetic": Shipped("flowers", "synthetic", "flowers.synthetic"),
    "flower_vae_photos": Shipped("flowers", "photos", "flowers.photos"),
}


def of_chapters(chapters: Iterable[str], photos: bool) -> dict[str, Shipped]:
    """The networks of these chapters. photos: whether there are any, which one of them learns."""
    return {
        name: each
        for name, each in NETWORKS.items()
        if each.chapter in chapters and (photos or each.source != "photos")
    }


def runs(wanted: Mapping[str, Shipped], seeds: int = 1) -> list[Run]:
    """What has to be measured before these networks can be shipped, and after them what tells how far seeds lie apart."""
    trainings = [replace(each.run, seed=each.run.seed + number) for number in range(seeds) for each in wanted.values()]
    return [*dict.fromkeys(each.baselines for each in wanted.values()), *trainings]


def ship(
    stored: Path,
    tables: dict,
    wanted: Mapping[str, Shipped],
    unfinished: bool = False,
    photos: Path | None = None,
) -> Iterator[tuple[str, dict]]:
    """Write the files of these networks, as far as their trainings are finished; yields (name, what was measured of it).

    stored: the folder with the results of `autoencoder-course references`. tables: the reference values, by check.
    unfinished: take trainings that are still on their way, too, as they are. photos: as `measuring.load_data` takes them.
    """
    import tf_keras as keras

    for name, each in wanted.items():
        keras.backend.reset_uids()  # so that layers are called the same, whatever was built before
        found = measuring.restore_so_far(each.run, stored)
        if found and (unfinished or len(found.history) >= each.run.epochs):
            yield name, _write(name, each, found, tables[each.check], photos)


def _write(name, each, found, table, photos) -> dict:
    """Measure a network as it was trained and in half precision, write its file, and say what there is to know of it."""
    run, data = each.run, measuring.load_data(each.run, photos)
    check = next(check for check in reference_values.CHECKS if check.name == each.check)
    known = {
        "floor": float(measures.entropy_per_image(data[1]).mean()),
        "mean image": measures.mean_image_baseline(data[0], data[1]),
    }

    def measured():
        losses = measuring.test_losses(run, found.encoder, found.decoder, data)
        return losses, check.value(losses, {"test": known})

    exact, exact_value = measured()
    numbers = [variable.numpy() for variable in found.whole.weights]
    for variable, array in zip(found.whole.weights, numbers, strict=True):
        variable.assign(array.astype(np.float16).astype(np.float32))
    losses, value = measured()
    spread = table["standard_deviation"]
    is_half = bool(np.isfinite(value)) and abs(value - exact_value) <= spread
    if not is_half:
        for variable, array in zip(found.whole.weights, numbers, strict=True):
            variable.assign(array)
        losses = exact
    kind = np.float16 if is_half else np.float32
    description, arrays = describe_models({part: getattr(found, part) for part in files.PARTS})
    packed = files.pack(description, [array.astype(kind) for array in arrays])
    files.FOLDER.mkdir(exist_ok=True)
    write_whole_bytes(files.path_of(name), packed)
    facts = {
        "file": files.path_of(name).name,
        "sha256": hashlib.sha256(packed).hexdigest(),
        "bytes": len(packed),
        "kept_in": np.dtype(kind).name,
        "command": f"autoencoder-course references --networks --chapter {each.chapter}",
        "seed": run.seed,
        "epochs": len(found.history),
        "epochs_of_the_course": run.epochs,
        "losses": {**losses, **_also(each, losses, known)},
        "train_loss": found.history[-1]["train_loss"],
        "half_precision": {"changes": abs(value - exact_value), "spread_of_seeds": spread, "of": each.check},
        "parameters": {part: getattr(found, part).count_params() for part in files.PARTS},
        "settings": measuring.settings(run),
        "data": {
            "name": each.source,
            "sha256": measuring.data_hash(data),
            "train": len(data[0]),
            "test": len(data[1]),
            "floor": known["floor"],
            "baseline": known["mean image"],
        },
        "value_by_epoch": [check.value(epoch, {"test": known}) for epoch in found.history],
        "versions": measuring.versions(),
    }
    if each.chapter != "flowers":
        latent = measuring.latent_facts(found.encoder, data)
        facts["latent"] = {key: value for key, value in latent.items() if isinstance(value, float)}
    return facts


def _also(each, losses, known) -> dict:
    """Of the flowers, what chapter 4 speaks of beside R and K: J, which is trained, and the share explained."""
    if each.chapter != "flowers":
        return {}
    share = measures.share_explained(losses["R"], known["mean image"], known["floor"])
    return {"J": losses["R"] / 3 + 2 * 0.0002 * losses["K"], "share_explained": float(share)}
