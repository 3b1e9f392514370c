"""Trained networks, carried by the course: `trained(name)` gives one after its long training, to stand beside a learner's.

    shipped = trained("vae")
    shipped.encoder, shipped.decoder, shipped.epochs, shipped.losses["R"]

They are kept as data, a description and numbers (`files.py`); `autoencoder-course references --networks` trains and writes
them. No check takes them for an answer (`likeness.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.shipped import files

if TYPE_CHECKING:
    import tf_keras as keras

__all__ = ["Trained", "trained"]

#: What a learner writes -> what comes behind it, if anything.
_NAMES = {"conv_autoencoder": (), "vae": (), "flower_vae": files.SOURCES}


@dataclass(frozen=True, eq=False, repr=False)
class Trained:
    """A network of the course after its long training.

    encoder, decoder, whole: tf_keras models, not compiled; `whole` is decoder(encoder(image)). epochs: that it was trained
    for. losses: by name, on test images that it has not seen, as reference.toml has them.
    """

    name: str
    encoder: keras.Model
    decoder: keras.Model
    whole: keras.Model
    epochs: int
    losses: dict[str, float]

    def __repr__(self) -> str:
        losses = ", ".join(f"{name} {value:.4g}" for name, value in self.losses.items())
        return f"<trained {self.name}: {self.epochs} epochs, {losses}>"


def trained(name: str, source: str | None = None) -> Trained:
    """A network of the course after its long training, with its losses on test images.

    name: "conv_autoencoder" (chapter 2), "vae" (chapter 3) or "flower_vae" (chapter 4). source: of a flower_vae, the
    flowers that it has learned, "synthetic" or "photos".
    Raises CourseError, one line, for any other name, and for a file that is missing or damaged.
    """
    kept_as = _kept_as(name, source)
    table = files.facts(kept_as)
    description, arrays = files.read(kept_as)
    from autoencoder_helpers.evidence.rebuilding import rebuild_models  # which takes TensorFlow's seconds

    models = rebuild_models(description, arrays)
    parts = {part: models[part] for part in files.PARTS}
    return Trained(kept_as, **parts, epochs=int(table["epochs"]), losses=dict(table["losses"]))


def _kept_as(name, source) -> str:
    """What a network is called in the folder and in reference.toml."""
    if name not in _NAMES:
        there = ", ".join(f'trained("{name}"{", ..." if sources else ""})' for name, sources in _NAMES.items())
        raise CourseError(f"trained: the course carries no network {name!r}; there are {there}.")
    sources = _NAMES[name]
    if source is not None and not sources:
        raise CourseError(f'trained: there is one "{name}" only; write trained("{name}").')
    if sources and source not in sources:
        found = "" if source is None else f", found {source!r}"
        choices = " or ".join(f'trained("{name}", "{each}")' for each in sources)
        raise CourseError(f"trained: say which flowers the network has learned{found}: write {choices}.")
    return f"{name}_{source}" if sources else name
