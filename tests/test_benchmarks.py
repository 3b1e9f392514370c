"""The benchmarks' own arithmetic, and that their stored results can be shown; nothing is measured here."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_grader.validity.corpus import CHAPTERS

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def script(name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # its dataclasses look it up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def overhead():
    """The script scoring_overhead.py as a module."""
    return script("scoring_overhead")


def spent(kernel, scoring=0.0, resident=0.0, peak=0.0, **checks):
    return {
        "kernel": kernel,
        "grader": 0.25,
        "scoring": scoring,
        "resident": resident,
        "peak": peak,
        "checks": checks,
    }


def test_what_is_added_is_the_difference_between_with_and_without(overhead):
    runs = {
        "checks": 2,
        "with": [spent(1.0, 0.5, 700, 750, a=0.1, b=0.4), spent(2.0, 0.7, 750, 760, a=0.1, b=0.6)],
        "without": [spent(1.5), spent(2.0)],
    }
    table = overhead.summarise({chapter: runs for _, chapter in CHAPTERS.values()})
    assert list(table) == ["dense", "conv", "vae", "flowers", "cells"]
    cost = table["dense"]
    assert cost["with"] == pytest.approx({"scoring": 0.6, "kernel": 1.5, "grader": 0.25})
    assert cost["without"] == pytest.approx({"scoring": 0, "kernel": 1.75, "grader": 0.25})
    assert cost["added"] == pytest.approx(0.35) and cost["deviation"] == pytest.approx(0.7 / 2**0.5)
    assert (cost["peak"], cost["megabytes"]) == (760, 50)
    assert cost["dearest"] == (pytest.approx(0.5), "b")


def test_the_stored_overhead_can_be_shown(overhead, tmp_path):
    stored = json.loads(overhead.RESULT.read_text(encoding="utf-8"))
    table = overhead.summarise(stored["runs"])
    assert overhead.draw(table, tmp_path / "picture.png").stat().st_size > 10_000
    assert all(cost["added"] < overhead.SECONDS for cost in table.values())
    assert all(cost["megabytes"] < overhead.MEGABYTES for cost in table.values())
    words = overhead.alt_text(table)
    assert all(f"{name} " in words and f"{cost['megabytes']:.0f} MB" in words for name, cost in table.items())
    assert {"tensorflow", "python"} <= set(stored["versions"]) and stored["machine"]["cores"]


def layer(kind, *layers, **facts):
    return type(kind, (), {"layers": layers, **facts})()


def test_the_multiplications_of_a_network_are_those_of_its_layers_with_weights(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    training = script("training")
    dense = layer("Dense", input_shape=(None, 784), units=100)
    down = layer(
        "Conv2D", input_shape=(None, 28, 28, 1), output_shape=(None, 14, 14, 16), kernel_size=(3, 3), filters=16
    )
    up = layer(
        "Conv2DTranspose", input_shape=(None, 8, 8, 4), output_shape=(None, 19, 19, 2), kernel_size=(5, 5), filters=2
    )
    inner = layer("Sequential", dense, layer("Flatten"), up)
    assert training.multiplications(layer("Model", inner, down)) == 784 * 100 + 8 * 8 * 25 * 4 * 2 + 14 * 14 * 9 * 16


def test_a_cell_is_over_the_bound_by_the_smaller_of_its_two_times(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    cells = script("cells")
    found = [
        {"cell": name, "only_shows": shows, "clock": clock, "processor": processor}
        for name, shows, clock, processor in (
            ("busy machine", True, 3.0, 1.0),
            ("threads", True, 1.0, 3.0),
            ("slow", True, 3.0, 3.0),
            ("an answer", False, 3.0, 3.0),
        )
    ]
    assert [cell["cell"] for cell in cells.over(found)] == ["slow"]


COMMANDS = [path for path in sorted(BENCHMARKS.glob("*.py")) if '__name__ == "__main__"' in path.read_text()]


@pytest.mark.parametrize("script", COMMANDS, ids=lambda path: path.name)
def test_every_benchmark_stands_in_the_list_with_its_result(script):
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    (result,) = re.findall(rf"^\| \[{script.name}\].*\| (.+?) \|$", text, re.MULTILINE)
    if result != "not measured yet":
        (target,) = re.findall(r"\]\((.+?)\)", result)
        assert (BENCHMARKS / target).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_ran_before_a_command_is_not_counted_with_it(tmp_path):
    """In a process of its own, because it takes over all orphans."""
    program = f"""
import json, subprocess, sys
sys.path.insert(0, {str(BENCHMARKS)!r})
from pathlib import Path
from measuring_trees import measure
busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
work = "import subprocess, sys, time; subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.4)'])"
measured = measure([sys.executable, "-c", work], Path("."), Path("log"))
unread = measure([sys.executable, "-c", work], Path("."), Path("log"), memory=False)
print(json.dumps([measured.processes, measured.wall, busy.poll(), measured.memory, unread.memory]))
busy.kill()
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    processes, wall, busy, memory, not_read = json.loads(ran.stdout)
    assert processes == 2 and busy is None
    assert 0.4 <= wall < 15  # nobody waits for the busy one
    assert memory > not_read == 0
