"""Each test is a session of its own: no check has taken points before."""

import pytest
from autoencoder_helpers import checks


@pytest.fixture(autouse=True)
def nothing_charged():
    """Forget the results of all checks."""
    checks._RESULTS.clear()
