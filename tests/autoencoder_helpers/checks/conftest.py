"""Each test is a session of its own: no check has taken points before."""

import pytest
from autoencoder_helpers import checks


@pytest.fixture(autouse=True)
def nothing_charged():
    """Forget which checks have taken points."""
    checks._CHARGED.clear()
