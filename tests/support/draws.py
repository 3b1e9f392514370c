"""--draws: random numbers by chance; --draws=7 for those that have this number.

Without it each test draws the same as in any other run. A network of a few weights is a new one in each run else, and
of five thousand tests one fails now and then, on a machine where nobody can look at it any more. What holds for one
draw only is found by running the same tests with other numbers: the header says which it was.
"""

import importlib
import random
import sys
import zlib

import numpy as np
import pytest

_rule = "autoencoder_helpers.checks.rule"


def pytest_addoption(parser):
    parser.addoption(
        "--draws", nargs="?", const="", default="0", metavar="NUMBER", help=__doc__.split("\n")[0].partition(": ")[2]
    )


def pytest_configure(config):
    """Choose a number, or take the one that all processes of a run have."""
    config.option.draws = getattr(config, "workerinput", {}).get("draws", config.option.draws)
    if config.option.draws == "":
        config.option.draws = str(random.SystemRandom().randrange(10_000))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell it to a process that is about to run tests."""
    node.workerinput["draws"] = node.config.option.draws


def pytest_report_header(config):
    """Say it, to have it again."""
    return f"random numbers: --draws={config.option.draws}"


def pytest_collection_modifyitems():
    """Import what draws the inputs of checks: before a test, and none of its doing."""
    importlib.import_module(_rule)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Let a test, and what is set up for it, draw its own numbers; so do the checks that it runs in this process."""
    number = zlib.crc32(f"{item.config.option.draws} {item.nodeid}".encode())
    random.seed(number)
    np.random.seed(number)
    if "tf_keras" in sys.modules:
        sys.modules["tf_keras"].utils.set_random_seed(number)
    rule = sys.modules[_rule]
    before, rule.unpredictable = rule.unpredictable, random.Random(number).getrandbits
    try:
        return (yield)
    finally:
        rule.unpredictable = before
