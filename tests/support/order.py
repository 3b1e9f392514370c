"""--any-order: the files of tests in an order by chance; --any-order=7 for the one that has this number.

Without it the longest files come first: no process has to wait for another at the end. `-n auto` is one process more
than there are cores, as far as memory goes: the longest tests wait for other programs most of their time.
"""

import os
import random

import psutil
import pytest

#: Bytes of memory that a process needs with all that its tests start.
PROCESS_MEMORY = 3_000_000_000

#: Of these files each takes minutes.
LONGEST = (
    "test_plain_nbgrader",
    "test_guide",
    "test_graded_chapters",
    "test_bombs",
    "test_corpus",
    "test_learner",
    "test_instructor",
    "test_kill",
    "test_interrupt",
    "test_cluster",
    "test_scheduler_goes",
    "test_building",
    "test_execution",
)


def pytest_addoption(parser):
    parser.addoption("--any-order", nargs="?", const="", metavar="NUMBER", help=__doc__.partition("\n")[0])


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
        items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
