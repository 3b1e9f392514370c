"""Kernels run, and see no more than they should, wherever the course, its environment and its Python lie."""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from autoencoder_grader.kernels import landlock, places, sandbox

REPOSITORY = Path(__file__).resolve().parents[3]
ADA = 61_001  # an ordinary user: a number that nothing here belongs to
IS_ROOT = os.name == "posix" and os.geteuid() == 0

# Runs in the clone's Python: a kernel of each kind, and what a learner's code sees from in there. Without TensorFlow,
# which takes seconds to import and lies where all other packages lie.
TRY = """
import json, sys, tempfile
from pathlib import Path
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels import fork_server, trial
from autoencoder_grader.kernels.workplace import kernel_server
course = {course!r}
fork_server.MODULES = ("autoencoder_helpers", "numpy", "ipykernel.kernelapp", "ipykernel.ipkernel")
trial.CELL = '''
import json, os, sys
import autoencoder_helpers, numpy
course = %r
def tried(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return type(error).__name__
def written(path):
    try:
        open(path, "w").close()
        return True
    except OSError:
        return False
print(json.dumps({{
    "helpers": autoencoder_helpers.__file__,
    "prefix": sys.prefix,
    "solutions": tried(os.listdir, course + "/solutions"),
    "secret": isinstance(tried(open, course + "/.grading/secret"), str) and "hidden",
    "listed": tried(os.listdir, course),
    "tmp": [name for name in tried(os.listdir, "/tmp") if "grading-" in name],
    "written": [path for path in (sys.prefix + "/new", os.path.dirname(autoencoder_helpers.__file__) + "/new") if written(path)],
}}))''' % course
found = {{}}
def keep(name, tier, server=None):
    try:
        found[name] = json.loads(trial.run_a_cell(tier, server))
    except Exception as error:
        found[name] = f"{{type(error).__name__}}: {{error}}"
sandbox.expect_hidden(Path(course))
with tempfile.TemporaryDirectory() as folder:
    log = Path(folder) / "log"
    found["tiers"] = {{tier: sandbox.trouble_with(tier) for tier in sandbox.TIERS}}
    if "bubblewrap" in {tiers!r}:
        server = kernel_server(log)
        if server is None:
            found["fork"] = log.read_text()
        else:
            keep("fork", "bubblewrap", server)
        keep("anew", "bubblewrap")
    if "landlock" in {tiers!r}:
        keep("landlock", "landlock")
print(json.dumps(found))
"""

# Root's part, in a view of the files of its own: nothing of it is left, and nothing of the machine's is in the way.
# $1: the clone. $2: where it is to lie. $3: whose. $4: options of the file system there. Then the command.
MOVE = """
set -e
mount --make-rprivate /
clone=$1 place=$2 user=$3 options=$4
shift 4
top=/$(echo "$place" | cut -d/ -f2)
case "$place" in /dev/*) top=/dev/shm;; esac
mount --bind "$clone" /mnt
[ "$top" = /tmp ] || mount -t tmpfs tmpfs /tmp
mkdir -p "$top"
mount -t tmpfs -o "mode=0755,$options" tmpfs "$top"
[ "$top" = /tmp ] && chmod 1777 /tmp
[ "$top" = /root ] && chmod 700 /root
[ "$top" = /dev/shm ] && chmod 1777 /dev/shm
if [ -n "$LINKED" ]; then mkdir -p "$top/real" "$(dirname "$place")"; mount --bind /mnt "$top/real"; ln -s "$top/real" "$place"
else mkdir -p "$place"; mount --bind /mnt "$place"; fi
umount /mnt
mkdir -p "$HOME"
chown "$user:$user" "$HOME"
chmod 700 "$HOME"
cd "$place"
[ "$user" = 0 ] || exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --no-new-privs -- "$@"
exec "$@"
"""


def link(source, target):
    """Hard links take no room; where none can be made, a copy does."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


class Clone:
    """The course with its environment and its Python in one folder, which can lie anywhere."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("autoencoder_helpers", "autoencoder_grader"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
        (folder / "solutions").mkdir()
        (folder / "solutions" / "secret").write_text("42")
        (folder / ".grading").mkdir()
        (folder / ".grading" / "secret").write_text("42")
        shutil.copytree(sys.prefix, folder / ".venv", symlinks=True, copy_function=link)
        self.own_python = not any(sys.base_prefix == name for name in ("/usr", "/usr/local"))
        if self.own_python:
            shutil.copytree(sys.base_prefix, folder / "python", symlinks=True, copy_function=link)
        packages = folder / ".venv" / Path(site.getsitepackages()[0]).relative_to(sys.prefix)
        for path in packages.glob("__editable__*autoencoder*"):
            path.unlink()
        (packages / "autoencoder_course.pth").write_text("../../../..\n")  # the folder that this lies in
        for name in ("cache", "submitted"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
        folder.chmod(0o755)

    def move(self, place):
        """Have the environment name its Python as it is named in that place."""
        scripts = self.folder / ".venv" / "bin"
        home = Path(place, "python", "bin") if self.own_python else Path(sys.base_prefix, "bin")
        program = f"python{sys.version_info.major}.{sys.version_info.minor}"
        settings = self.folder / ".venv" / "pyvenv.cfg"
        for path in (settings, scripts / "python"):
            path.unlink(missing_ok=True)
        settings.write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        (scripts / "python").symlink_to(home / program)

    def run(self, place, user, *arguments, home="/tmp/home", options="", linked=False, **variables):
        """Run the environment's Python as if the clone lay in `place`; returns the completed process."""
        self.move(place)
        command = [f"{place}/.venv/bin/python", *arguments]
        environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "AUTOENCODER_CACHE": f"{place}/cache",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LINKED": "1" if linked else "",
            **variables,
        }
        if str(place) != str(self.folder) or user != os.geteuid():
            command = [
                "unshare",
                "-m",
                "sh",
                "-c",
                MOVE,
                "sh",
                self.folder,
                place,
                str(user),
                options or "rw",
                *command,
            ]
        return subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)


@pytest.fixture(scope="module")
def clone():
    """A clone below /tmp, in a path with a space and a letter beyond ASCII."""
    if sys.prefix == sys.base_prefix:
        pytest.skip("runs in no virtual environment that could be copied")
    top = Path(tempfile.mkdtemp(prefix="places-", dir="/tmp"))
    top.chmod(0o755)
    folder = top / "Ada Schröder" / "course"
    folder.mkdir(parents=True)
    yield Clone(folder)
    shutil.rmtree(top, ignore_errors=True)


def able(user):
    """The tiers that this Linux has for a user, wherever the course lies."""
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user != os.geteuid() else []
    tiers = []
    if shutil.which("bwrap"):
        made = subprocess.run([*become, "bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"], capture_output=True)
        tiers += [sandbox.BUBBLEWRAP] if made.returncode == 0 else []
    if landlock.version() >= (landlock.LEAST_VERSION if user else landlock.LEAST_VERSION_ROOT):
        tiers.append(sandbox.LANDLOCK)
    return tiers


LONG = "/srv/" + "/".join(["a folder with a long name"] * 12)  # of 300 letters: no socket's path could have them
PLACES = {
    # what is odd about it: (where the clone lies, whose it is, more)
    "below /tmp": ("/tmp/Ada Schröder/course", 0, {}),
    "below /dev/shm": ("/dev/shm/course", 0, {}),
    "below /run": ("/run/course", 0, {}),
    "in root's home": ("/root/course", 0, {"home": "/root"}),
    "behind a link": ("/tmp/by/another name", 0, {"linked": True}),
    "below /tmp, where no program may run, for an ordinary user": (
        "/srv/course",
        ADA,
        {"TMPDIR": "/srv", "options": "mode=1777"},
    ),
    "below /tmp, ordinary user": ("/tmp/Ada Schröder/course", ADA, {}),
    "below /dev/shm, ordinary user": ("/dev/shm/course", ADA, {}),
    "in an ordinary user's home": ("/home/ada/course", ADA, {"home": "/home/ada"}),
    "in the home of a user named as the sandbox's": ("/home/learner/course", ADA, {"home": "/home/learner"}),
    "a long way down, ordinary user": (LONG, ADA, {}),
    "behind a link to /dev/shm, ordinary user": ("/dev/shm/by/link", ADA, {"linked": True}),
}


@pytest.mark.skipif(sys.platform != "linux", reason="there is a sandbox on Linux alone")
@pytest.mark.parametrize("place", PLACES)
def test_kernels_of_each_kind_run_there_and_see_no_solutions(clone, place):
    where, user, more = PLACES[place]
    if not IS_ROOT:
        pytest.skip("root only can make the course lie there, and become another user")
    _expect_kernels(clone, where, user, more)


@pytest.mark.skipif(sys.platform != "linux" or IS_ROOT, reason="root tries this place, and others, above")
def test_kernels_run_below_tmp_for_who_runs_this(clone):
    _expect_kernels(clone, str(clone.folder), os.geteuid(), {})


def _expect_kernels(clone, where, user, more):
    tiers = able(user)
    if not tiers:
        pytest.skip("this Linux has no sandbox for that user: bubblewrap is missing or may not run")
    done = clone.run(where, user, "-c", TRY.format(course=where, tiers=tiers), **more)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    kinds = [kind for tier in tiers for kind in {"bubblewrap": ("fork", "anew")}.get(tier, (tier,))]
    for kind in kinds:
        seen = found[kind]
        assert isinstance(seen, dict), (kind, seen, done.stderr[-2000:])
        assert "autoencoder_helpers/__init__.py" in seen["helpers"] and seen["prefix"].startswith(where)
        assert seen["solutions"] in ("FileNotFoundError", "PermissionError")
        assert seen["secret"] == "hidden" and seen["written"] == []
        assert len(seen["tmp"]) <= (kind == "anew")  # its own mailbox and sockets
        if kind == "landlock":
            assert seen["listed"] == "PermissionError"
        else:
            assert set(seen["listed"]) <= {".venv", "autoencoder_helpers", "python"}


def test_here_it_is_the_repository_that_they_lie_in():
    for place in places.python_places():
        assert place.exists() and not any(place.is_relative_to(name) for name in places.SYSTEM)
    assert Path(sys.prefix) in places.python_places() or any(
        Path(sys.prefix).is_relative_to(p) for p in places.python_places()
    )
