"""The kernelspec: programs that know nothing of this course run notebooks in the sandbox by it."""

import json
import os
import socket
import sys

import nbformat
import pytest
from autoencoder_grader import cli
from autoencoder_grader.kernels import provisioner, sandbox
from autoencoder_grader.kernels.manager import NAME
from autoencoder_grader.kernels.spec import kernel_json
from click.testing import CliRunner
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from sandboxes import needs_any_sandbox

LOOKS = """
import os, socket
def reached(address):
    try:
        socket.create_connection(address, 5).close()
        return True
    except OSError:
        return False
def read(path):
    try:
        return open(path).read()
    except OSError:
        return ""
print([reached(("127.0.0.1", {port})), reached(("192.0.2.1", 80)), read({secret!r}), "TOKEN" in os.environ])"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The kernelspec, installed below a folder where Jupyter looks."""
    result = CliRunner().invoke(cli.main, ["kernelspec", "install", "--prefix", str(tmp_path / "prefix")])
    assert result.exit_code == 0, result.output
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix" / "share" / "jupyter"))
    return tmp_path / "prefix" / "share" / "jupyter" / "kernels" / NAME


@pytest.fixture
def folder(tmp_path):
    """The folder of a notebook, as nbgrader makes it in autograded/."""
    path = tmp_path / "course" / "autograded" / "ada" / "01"
    path.mkdir(parents=True)
    (path / "data.csv").write_text("1,2")
    (path / "01.ipynb").write_text("the notebook")
    return path


def run(folder, *sources, **settings):
    """The text that each cell prints, when plain nbclient runs them."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(folder)}}
    slow = {"startup_timeout": 180, "iopub_timeout": 180}
    NotebookClient(notebook, kernel_name=NAME, resources=resources, **slow, **settings).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def test_it_is_a_kernelspec_of_this_python(installed):
    spec = KernelSpecManager().get_kernel_spec(NAME)
    assert spec.resource_dir == str(installed)
    assert spec.argv[0] == sys.executable and spec.interrupt_mode == "message"
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == NAME


@pytest.mark.parametrize("tier", sandbox.TIERS)
@needs_any_sandbox
def test_plain_nbclient_runs_a_notebook_sealed(installed, folder, monkeypatch, tier):
    if sandbox.trouble_with(tier):
        pytest.skip(f"{sandbox.trouble_with(tier)} (Debian: apt-get install bubblewrap)")
    monkeypatch.setenv(sandbox.ONLY, tier)
    monkeypatch.setenv("TOKEN", "the grader's")
    secret = folder.parents[2] / "solutions.txt"
    secret.write_text("solutions")
    places = []
    make = provisioner._make_place
    monkeypatch.setattr(provisioner, "_make_place", lambda *arguments: places.append(make(*arguments)) or places[-1])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen, files, made = run(
            folder,
            LOOKS.format(port=listener.getsockname()[1], secret=str(secret)),
            "print(sorted(n for n in os.listdir() if n[0] != '.'), open('data.csv').read())",
            "os.makedirs('out/deep')\nopen('out/deep/new.txt', 'w').write('new')\n"
            "open('data.csv', 'w').write('3,4')\nopen('01.ipynb', 'w').write('changed')\n"
            "os.symlink('/etc/hosts', 'link')\nprint('made')",
        )
    assert seen == "[False, False, '', False]\n"
    assert files == "['data.csv'] 1,2\n" and made == "made\n"
    assert (folder / "out" / "deep" / "new.txt").read_text() == "new"
    assert (folder / "data.csv").read_text() == "3,4"
    assert (folder / "01.ipynb").read_text() == "the notebook"
    assert sorted(os.listdir(folder)) == ["01.ipynb", "data.csv", "out"]
    (place,) = places
    assert place.tier == tier and not place.home.parent.exists()


@needs_any_sandbox
def test_an_endless_cell_is_interrupted_and_checks_give_points(installed, folder):
    with pytest.raises(CellTimeoutError):
        run(folder, "while True: pass", timeout=2)
    check = "from autoencoder_helpers import check\nbeta = 0.0012\nprint(check('flowers.beta', beta).points)"
    assert run(folder, check)[0].split()[-1] == "1"


@needs_any_sandbox
def test_its_limits_hold_and_what_ended_it_is_in_the_log(installed, folder, caplog):
    (installed / "kernel.json").write_text(json.dumps(kernel_json({"files": 50})))
    with pytest.raises(DeadKernelError):
        run(folder, "for n in range(200): open(str(n), 'w').close()\nimport time\ntime.sleep(60)")
    assert "more than 50 files, which is the limit" in caplog.text


def test_without_a_sandbox_no_kernel_starts(installed, folder, monkeypatch, handlers_put_back):
    monkeypatch.setattr(sandbox, "best_tier", lambda: "")
    with pytest.raises(Exception, match="no sandbox"):
        run(folder, "print(1)")
