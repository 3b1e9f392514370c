"""--any-order: the files of tests in an order by chance; --any-order=7 for the one that has this number.
--quick: without the files that take long.

Without it the longest files come first: no process has to wait for another at the end. `-n auto` is one process more
than there are cores, as far as memory goes: the longest tests wait for other programs most of their time.
"""

import os
import random
from pathlib import Path

import psutil
import pytest

#: Bytes of memory that a process needs with all that its tests start.
PROCESS_MEMORY = 3_000_000_000

#: The files that take long, the longest first: what benchmarks/suite_times.py has measured.
SLOW = tuple((Path(__file__).parent / "slow_files.txt").read_text(encoding="utf-8").split())
#: Of these each takes minutes on a busy machine.
LONGEST = SLOW[:32]


def pytest_addoption(parser):
    any_order, quick = (line.partition(": ")[2] for line in __doc__.splitlines()[:2])
    parser.addoption("--any-order", nargs="?", const="", metavar="NUMBER", help=any_order)
    parser.addoption("--quick", action="store_true", help=quick)


def pytest_ignore_collect(collection_path, config):
    """Leave out what takes long, if that is asked for."""
    return True if config.option.quick and name_of(collection_path, config) in SLOW else None


def name_of(path, config):
    """A file's name as SLOW has it."""
    return path.relative_to(config.rootpath).as_posix() if path.is_relative_to(config.rootpath) else path.name


def pytest_configure(config):
    """Choose the order, or take the one that all processes of a run have."""
    config.option.any_order = getattr(config, "workerinput", {}).get("any_order", config.option.any_order)
    if config.option.any_order == "":
        config.option.any_order = str(random.SystemRandom().randrange(10_000))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """How many processes share the tests."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores + 1, psutil.virtual_memory().available // PROCESS_MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell it to a process that is about to run tests."""
    node.workerinput["any_order"] = node.config.option.any_order


def pytest_report_header(config):
    """Say it, to have it again."""
    return f"order of files: --any-order={config.option.any_order}" if config.option.any_order else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Put the tests in order; those of a file stay together."""
    if config.option.any_order:
        chance = random.Random(config.option.any_order)
        files = list(dict.fromkeys(item.path for item in items))
        place = dict(zip(chance.sample(files, len(files)), range(len(files)), strict=True))
        items.sort(key=lambda item: place[item.path])
    else:
        place = {name: number for number, name in enumerate(SLOW)}
        items.sort(key=lambda item: place.get(name_of(item.path, config), len(SLOW)))
