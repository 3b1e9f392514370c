"""Writes the tables of the long trainings into full-runs.md, read from reference.toml:

    .venv/bin/python docs/list_full_runs.py

A test does it again and compares.
"""

import re
from pathlib import Path

from autoencoder_helpers.reference import values

PAGE = Path(__file__).resolve().parent / "full-runs.md"
#: Name of a network in reference.toml -> what the table calls it.
_CALLED = {
    "conv_autoencoder": "convolutional autoencoder (chapter 2)",
    "vae": "variational autoencoder (chapter 3)",
    "flower_vae_synthetic": "flowers, drawn (chapter 4)",
    "flower_vae_photos": "flowers, photos (chapter 4)",
}
#: Name of a loss there -> what stands before it, decimals, and what it is a number of.
_LOSSES = {
    "bce_per_pixel": ("", 4, "nats per pixel"),
    "bce_per_image": ("", 1, "nats per image"),
    "R": ("R ", 1, "nats per image"),
    "K": ("K ", 2, "nats per image"),
    "R_plus_K": ("-ELBO ", 1, "nats per image"),
    "J": ("J ", 1, ""),
    "share_explained": ("share explained ", 3, ""),
}
#: Check whose full trainings are known for several seeds -> what it measures of them, decimals, and what it is a number of.
_SEED_BY_SEED = {
    "conv.trained": ("convolutional autoencoder, cross-entropy", 4, "nats per pixel"),
    "vae.trained": ("variational autoencoder, -ELBO", 1, "nats per image"),
    "vae.kl": ("variational autoencoder, K", 2, "nats per image"),
    "flowers.synthetic": ("flowers, drawn, share explained", 3, ""),
    "flowers.photos": ("flowers, photos, share explained", 3, ""),
}


def _row(name, network) -> str:
    settings, data, losses = network["settings"], network["data"], network["losses"]
    training = f"{settings['optimizer']} {settings['learning_rate']:g}, batches of {settings['batch_size']}, seed {network['seed']}"
    found = [
        f"{before}{losses[loss]:,.{decimals}f} {unit}".rstrip()
        for loss, (before, decimals, unit) in _LOSSES.items()
        if loss in losses
    ]
    cells = [
        _CALLED[name],
        f"{network['parameters']['whole']:,}",
        f"{data['train']:,} and {data['test']:,}",
        training,
        f"{network['epochs']} of {network['epochs_of_the_course']}",
        "; ".join(found),
        f"{data['floor']:,.1f} and {data['baseline']:,.1f}",
        f"{network['half_precision']['spread_of_seeds']:.2g}",
    ]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The table of all networks that the course carries after their long training."""
    lines = [
        "| network | parameters | images: training and test | training | epochs | on the test images | floor and baseline, nats per image | seeds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    networks = values.networks()
    return "\n".join(lines + [_row(name, networks[name]) for name in _CALLED if name in networks])


def seeds_table() -> str:
    """The table of those that were trained for all epochs from more than one seed."""
    lines = [
        "| after all epochs, on the test images | seeds | mean | standard deviation | each |",
        "| --- | --- | --- | --- | --- |",
    ]
    for check, (called, decimals, unit) in _SEED_BY_SEED.items():
        full = values.reference(check).get("full", {})
        if "mean" in full:
            each = ", ".join(f"{value:.{decimals}f}" for value in full["by_seed"].values())
            mean = f"{full['mean']:.{decimals}f} {unit}".rstrip()
            spread = f"{full['standard_deviation']:.2g}"
            lines.append(f"| {called} | {len(full['by_seed'])} | {mean} | {spread} | {each} |")
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with its tables as reference.toml has them."""
    for name, made in (("the long trainings", table()), ("seed by seed", seeds_table())):
        page = re.sub(
            rf"(<!-- {name} -->\n\n).*?(\n\n<!-- until here -->)",
            lambda m, made=made: m[1] + made + m[2],
            page,
            flags=re.DOTALL,
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
