"""The real chapters, graded once for all tests."""

import io
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class GradedDemo:
    """The demo on the real chapters: its folder, its first report, what it said, and how long it took."""

    folder: Path
    report: object
    said: str
    seconds: float
    run: object


@pytest.fixture(scope="session")
def graded_demo(tmp_path_factory):
    """Run the demo once: every solution is executed by nbgrader, as the demo does it."""
    import closing
    from autoencoder_grader.demo.run import run_demo
    from rich.console import Console

    folder = tmp_path_factory.mktemp("demo")

    def run():
        console = Console(file=io.StringIO(), width=200)
        started = time.monotonic()
        report = run_demo(folder, REPOSITORY, console)
        return GradedDemo(folder, report, console.file.getvalue(), time.monotonic() - started, run)

    yield run()
    closing.close_all()
