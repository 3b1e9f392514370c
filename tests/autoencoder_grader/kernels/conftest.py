"""Each kind of sandbox around a submission's folder, as a function that runs code in it."""

import json
import shutil
import subprocess

import pytest
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.sandbox import HOME, Limits
from sandboxes import needs_landlock, needs_sandbox, sealed


@pytest.fixture
def folder(tmp_path):
    """A submission's folder, which belongs to the sandbox's user."""
    path = tmp_path / "submission"
    path.mkdir()
    (path / "notes.txt").write_text("the learner's")
    sandbox.give_to(sandbox.sandbox_user(), path)
    return path


@pytest.fixture
def inside_room(folder):
    """Runs Python code in a sandbox around `folder`; returns what it printed, read as JSON."""

    def run(code, limits=Limits(), **room):
        command = sealed(code, folder, limits, **room)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A process that kernels are forked from."""
    log = tmp_path_factory.mktemp("log") / "kernels.log"
    server = ForkServer([], {}, {}, log)
    yield server
    server.close()


@pytest.fixture
def inside_fork(folder, server, kernel):
    """The same in a forked kernel, whose sandbox is made by other means."""

    def run(code, limits=Limits()):
        home = server.places / folder.name
        shutil.copytree(folder, home, dirs_exist_ok=True)
        sandbox.give_to(sandbox.sandbox_user(), home)
        with kernel(server, home, limits) as (_, printed):
            result = json.loads(printed(f"import json, os\nos.chdir({HOME!r})\n{code}"))
        shutil.copytree(home, folder, dirs_exist_ok=True)
        return result

    return run


@pytest.fixture
def inside_landlock(inside_room):
    """The same in the reduced sandbox."""

    def run(code, limits=Limits(), **room):
        return inside_room(code, limits, tier=sandbox.LANDLOCK, **room)

    return run


@pytest.fixture(params=["program", "fork"])
def inside(request):
    """Either of the two that have namespaces."""
    return request.getfixturevalue({"program": "inside_room", "fork": "inside_fork"}[request.param])


@pytest.fixture(
    params=[
        pytest.param("program", marks=needs_sandbox),
        pytest.param("fork", marks=needs_sandbox),
        pytest.param("landlock", marks=needs_landlock),
    ]
)
def inside_any(request):
    """Each of the three."""
    names = {"program": "inside_room", "fork": "inside_fork", "landlock": "inside_landlock"}
    return request.getfixturevalue(names[request.param])
