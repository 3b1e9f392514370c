"""The dense and the convolutional network of the course in PyTorch, trained on the digits that training.py hands over.

It needs PyTorch and NumPy and nothing of the course, so it runs in a Python of its own, which training.py is told of:

    .venv/bin/python benchmarks/training.py --losses --other ANOTHER/bin/python benchmarks/training_pytorch.py
"""

import itertools
import json
import sys
import time

import numpy as np
import torch
from torch import nn


def dense():
    """784 -> 100 -> 20 -> 2 -> 20 -> 100 -> 784."""
    widths, layers = (784, 100, 20, 2, 20, 100, 784), []
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        layers += [nn.Linear(before, after), nn.Identity() if number == 2 else nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def conv():
    """28 x 28 x 1 -> 2 -> 28 x 28 x 1, the layers of chapter 2."""

    def convolution(before, after, padding=1):
        return [nn.Conv2d(before, after, 3, padding=padding), nn.ReLU()]

    down = [*convolution(1, 16), nn.MaxPool2d(2), *convolution(16, 8), nn.MaxPool2d(2), *convolution(8, 8)]
    down += [nn.MaxPool2d(2, ceil_mode=True), nn.Flatten(), nn.Linear(128, 2)]
    up = [nn.Linear(2, 128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4)), *convolution(8, 8), nn.Upsample(scale_factor=2)]
    up += [*convolution(8, 8), nn.Upsample(scale_factor=2), *convolution(8, 16, 0), nn.Upsample(scale_factor=2)]
    return nn.Sequential(*down, *up, nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid())


def prepare(network):
    """Begin with the weights that Keras begins with."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network


def epoch(network, images, batch, optimizer):
    """Go through the images once, in random order."""
    for chosen in torch.randperm(len(images)).split(batch):
        x = images[chosen]
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy(network(x), x).backward()
        optimizer.step()


def main(path, order):
    """Do what is ordered; return what came of it."""
    torch.manual_seed(order.get("seed", 1))
    name = order["network"]
    digits = np.load(path)
    # Chapter 2's images end with their channel; PyTorch's begin with it.
    train, test = (
        torch.from_numpy(digits[kind] if name == "dense" else np.moveaxis(digits[kind], -1, 1).copy())
        for kind in ("train", "test")
    )
    network = prepare({"dense": dense, "conv": conv}[name]())
    make = getattr(torch.optim, order["optimizer"])
    optimizer = make(network.parameters(), lr=order["learning_rate"], eps=1e-7)  # Keras's eps
    images = train[: order["images"]]
    found = {"label": f"PyTorch {torch.__version__}", "parameters": sum(one.numel() for one in network.parameters())}
    if "epochs" in order:
        for _ in range(order["epochs"]):
            epoch(network, images, order["batch_size"], optimizer)
        with torch.no_grad():
            losses = [float(nn.functional.binary_cross_entropy(network(part), part)) for part in test.split(1000)]
        return {**found, "loss": float(np.mean(losses))}
    epoch(network, images, order["batch_size"], optimizer)
    rounds = []
    for _ in range(order["rounds"]):
        used, began = time.process_time(), time.perf_counter()
        epoch(network, images, order["batch_size"], optimizer)
        rounds.append({"clock": time.perf_counter() - began, "processor": time.process_time() - used})
    return {**found, "images": len(images), "rounds": rounds}


print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
