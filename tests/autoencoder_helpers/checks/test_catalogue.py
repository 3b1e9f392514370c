"""The list of all checks: its order, and what it takes to have it."""

import subprocess
import sys


def test_the_catalogue_is_there_without_tensorflow():
    code = (
        "import sys; from autoencoder_helpers.checks import catalogue; catalogue(); print('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
