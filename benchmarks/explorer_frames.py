"""How long a frame of the latent explorer takes in the kernel: from the place of the mouse to the PNG of the image.

The networks are those of the chapters, untrained, because a frame does not depend on the weights. What JupyterLab
adds, the way to the browser and back, is not measured. Half a minute:

    .venv/bin/python benchmarks/explorer_frames.py

The bound is 50 ms a frame. The exit code is 1 if a network is slower. explorer_frames.json is written beside this file.
"""

from __future__ import annotations

import statistics
import sys
import time

import click
import numpy as np
from autoencoder_grader.references import networks
from autoencoder_helpers.pictures.explorer_widgets import to_png
from common import machine, print_table, to_folder, write_json

BOUND = 0.050  # seconds a frame
FRAMES = 300


@click.command(help=__doc__.split("\n\n")[0])
@to_folder
def main(to):
    found = {}
    for name, build, latent in (
        ("digits, 2 latent variables", networks.variational_autoencoder, 2),
        ("flowers, 10 latent variables", networks.flower_vae, 10),
    ):
        _, decoder, _ = build()
        decoder(np.zeros((1, latent), np.float32))
        found[name] = _frames(decoder, latent)
    frames = {
        name: {"median": statistics.median(times), "most": sorted(times)[int(0.95 * FRAMES)]}
        for name, times in found.items()
    }
    rows = [(name, *(f"{seconds * 1000:.1f} ms" for seconds in one.values())) for name, one in frames.items()]
    print_table(f"A frame of the explorer, of {FRAMES}", ("decoder", "median", "95 of 100 within"), rows)
    write_json(to / "explorer_frames.json", {"machine": machine(), "frames": frames, "bound": BOUND})
    slow = [name for name, one in frames.items() if one["median"] > BOUND]
    print(f"bound {BOUND * 1000:.0f} ms: " + (f"OVER for {', '.join(slow)}" if slow else "within"))
    sys.exit(bool(slow))


def _frames(decoder, latent: int) -> list[float]:
    """Seconds of each frame."""
    rng, times = np.random.default_rng(1), []
    for _ in range(FRAMES):
        point = rng.normal(size=(1, latent)).astype(np.float32)
        began = time.perf_counter()
        to_png(decoder(point).numpy()[0])
        times.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    main()
