"""How the loss of the course's own networks falls, over several seeds: what a learner's training is drawn beside."""

from pathlib import Path

import tomli_w
from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_grader.references import measuring, networks
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import curves as reference_curves

#: The trainings of the chapters' right networks: the name that `train` gets, and the chapter.
TRAININGS = {
    "dense_autoencoder": "dense",
    "conv_ae": "conv",
    "vae": "vae",
    "flower_vae": "flowers",
    "cells_vae": "cells",
}
HEAD = """\
# The training loss after each epoch, as Keras reports it, of the course's own networks: least, mean and greatest over
# so many seeds. `train` draws them beside a learner's. Made by `autoencoder-course references --curves`.

"""


RECIPE = ("batch_size", "optimizer", "learning_rate")


def curve_runs(chapters, seeds):
    """The runs that the curves of these chapters rest on: right networks, default epochs, so many seeds each."""
    return [
        measuring.Run(chapter, "right", networks.SEEDS[chapter] + number, networks.DEFAULT_EPOCHS[chapter], source)
        for chapter in TRAININGS.values()
        if chapter in chapters
        for source in [{"flowers": "synthetic", "cells": "cells"}.get(chapter, "mnist")]
        for number in range(seeds)
    ]


def write_curves(results, path: Path) -> list[str]:
    """Write the curves that stored results (run -> result, see reference_values.load_results) have two seeds for.

    Returns the names of the trainings that were written. A curve that is in the file and rests on more seeds of the same
    recipe, or whose runs are not among the results, is kept.
    """
    curves = dict(reference_curves.read(path))
    written = []
    for name, chapter in TRAININGS.items():
        found = [
            result
            for run, result in results.items()
            if run in curve_runs([chapter], 1000) and not result["resumed"] and "train_images" in result
        ]
        recipe = {key: found[0]["settings"][key] for key in RECIPE} if found else {}
        stored = curves.get(name, {})
        is_alike = recipe == {key: stored.get(key) for key in RECIPE}
        if len(found) < max(2, stored.get("seeds", 0) if is_alike else 0):
            continue
        losses = [[epoch["train_loss"] for epoch in result["history"]] for result in found]
        by_epoch = list(zip(*losses, strict=True))
        curves[name] = {
            "seeds": len(found),
            "images": found[0]["train_images"],
            "shape": found[0]["shapes"]["image"],
            **recipe,
            "least": [round(min(values), 5) for values in by_epoch],
            "mean": [round(sum(values) / len(values), 5) for values in by_epoch],
            "greatest": [round(max(values), 5) for values in by_epoch],
            "versions": found[0]["versions"],
        }
        written.append(name)
    if not curves:
        raise CourseError("No curve has two seeds yet; run `autoencoder-course references --curves`.")
    write_whole_text(path, HEAD + tomli_w.dumps({"curves": curves}))
    return written
