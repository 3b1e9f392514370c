"""What tests of sandboxes share: which there are on this machine, code sealed into one, and whether processes are gone."""

import sys
import time
from pathlib import Path

import pytest
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.sandbox import Limits, Room, seal

REPOSITORY = Path(__file__).resolve().parents[2]
MEGABYTE = 1 << 20
needs_any_sandbox = pytest.mark.skipif(
    not sandbox.available(), reason="no sandbox here (Debian: apt-get install bubblewrap)"
)
needs_sandbox = pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.BUBBLEWRAP)),
    reason="bubblewrap is missing or may not run (Debian: apt-get install bubblewrap)",
)
needs_landlock = pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.LANDLOCK)), reason="this Linux has no Landlock, or none that will do"
)


def sealed(code, folder, limits=Limits(), tier=sandbox.BUBBLEWRAP, **room):
    lines = f"import json, os\n{code}"
    command = [sys.executable, "-c", lines]
    return seal(command, Room(folder, **room), sandbox.sandbox_user(), limits, tier=tier)


def processes_with(marker):
    """The processes of this machine whose command line holds a text."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def gone(marker, seconds=10):
    """Whether such processes have ended within some seconds."""
    end = time.monotonic() + seconds
    while processes_with(marker):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


FILL = """
written = 0
try:
    with open({path!r}, "wb") as file:
        while written < 64 << 20:
            written += file.write(bytes(1 << 20))
            file.flush()
except OSError:
    pass
print(json.dumps(written >> 20))"""
LEAVES = """
import subprocess, sys, time
marker = {marker!r}
for _ in range(2):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", marker], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(300)", marker])
    os._exit(0)
time.sleep(0.5)
print(json.dumps("started"), flush=True)
{then}"""
