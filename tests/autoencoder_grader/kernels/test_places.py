"""Kernels run, and see no more than they should, wherever the course, its environment and its Python lie."""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import landlock, places, sandbox
from autoencoder_helpers.errors import CourseError

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
from autoencoder_grader.kernels.trial import kernel_server
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
    "first": [name for name in ("mem", "environ", "fd/1", "root/etc")
              if not isinstance(tried(os.open, f"/proc/{{os.getppid()}}/" + name, os.O_RDONLY), str)],
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
# $1: the clone. $2: where it is to lie. $3: whose. $4: options of the file system at /tmp. Then the command.
MOVE = """
set -e
mount --make-rprivate /
clone=$1 place=$2 user=$3 options=$4
shift 4
top=/$(echo "$place" | cut -d/ -f2)
case "$place" in /dev/*) top=/dev/shm;; esac
mount --bind "$clone" /mnt
mount -t tmpfs -o "mode=1777,$options" tmpfs /tmp
mkdir -p "$top"
[ "$top" = /tmp ] || mount -t tmpfs -o mode=0755 tmpfs "$top"
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
            # Its Python may look for its own libraries where it was built for, and find others with the same names.
            "LD_LIBRARY_PATH": f"{place}/python/lib",
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
    "where no program may run in /tmp, ordinary user": ("/srv/course", ADA, {"options": "noexec"}),
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
        assert seen["secret"] == "hidden" and seen["written"] == [] and seen["first"] == []
        assert len(seen["tmp"]) <= (kind == "anew")  # its own mailbox and sockets
        if kind == "landlock":
            assert seen["listed"] == "PermissionError"
        else:
            assert set(seen["listed"]) <= {".venv", "autoencoder_helpers", "python"}


@pytest.mark.skipif(sys.platform != "linux", reason="there is a sandbox on Linux alone")
def test_a_submission_is_graded_below_tmp_by_an_ordinary_user(clone, tiny_course, empty_gradebook, notebook):
    user = ADA if IS_ROOT else os.geteuid()
    if not able(user):
        pytest.skip("this Linux has no sandbox for that user: bubblewrap is missing or may not run")
    folder = clone.folder
    (folder / ".grading" / "secret").unlink(missing_ok=True)
    course = tiny_course(folder, empty_gradebook)
    weights = course.hand_in("ada", "01_tiny", notebook("tiny")).parent / "weights"
    weights.mkdir()
    np.savez(weights / "net.npz", beta=0.0012, where="at home")
    own = [folder / name for name in (".grading", "submitted", "gradebook.db", "solutions", "nbgrader_config.py")]
    for path in [folder, *own, *(below for top in own for below in top.rglob("*"))] if IS_ROOT else []:
        os.chown(path, ADA, ADA)
    where = "/tmp/Ada Schröder/course" if IS_ROOT else str(folder)
    done = clone.run(where, user, "-m", "autoencoder_grader.cli", "--course", where, "grade", "--workers", "1")
    said = done.stdout + done.stderr
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "All is graded: 1 now.", said[-3000:]
    graded = json.loads((folder / "autograded" / "ada" / "01_tiny" / "01_tiny.ipynb").read_text(encoding="utf-8"))
    outcome = graded["metadata"]["autoencoder_course"]
    assert outcome["sandbox"] == able(user)[0] and outcome["status"] == "graded"
    assert {name: result["points"] for name, result in outcome["results"].items()} == {
        "conv-sides": 1,
        "flowers-beta": 1,
    }


# ------------------------------------------------------------------------------- what is refused before all that


def test_here_places_are_there_and_none_is_the_systems():
    for place in places.python_places():
        assert place.exists() and not any(place.is_relative_to(name) for name in places.SYSTEM)


def test_a_python_behind_links_is_shown_with_each_of_them(tmp_path, monkeypatch):
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "python").symlink_to(tmp_path / "two" / "python")
    (tmp_path / "two" / "python").symlink_to("../three/python")
    (tmp_path / "three" / "python").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "one" / "python"))
    assert {tmp_path / name / "python" for name in ("one", "two", "three")} <= set(places.python_places())


def test_packages_elsewhere_are_shown_and_other_folders_are_not(tmp_path, monkeypatch):
    packages, other = tmp_path / "lib" / "site-packages", tmp_path / "course"
    for folder in (packages, other):
        folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(other), *sys.path, str(packages)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(other), str(packages)]))
    found = places.python_places()
    assert packages in found and not any(other.is_relative_to(place) for place in found)
    named = places.own_paths()["PYTHONPATH"].split(os.pathsep)
    assert str(packages) in named and str(other) not in named


def test_a_folder_of_packages_is_known_by_what_pip_leaves_in_it_whatever_its_name(tmp_path, monkeypatch):
    """As `pip install --target` makes it, and a .pth file or PYTHONPATH names it."""
    packages, course = tmp_path / "shared" / "python3", tmp_path / "course"
    for folder in (packages, course):
        (folder / "thing-1.0.dist-info").mkdir(parents=True)
        (folder / "thing-1.0.dist-info" / "RECORD").touch()
    (course / "autoencoder_helpers").mkdir()
    monkeypatch.setattr(places.autoencoder_helpers, "__file__", str(course / "autoencoder_helpers" / "__init__.py"))
    monkeypatch.setattr(sys, "path", ["", str(course), *sys.path, str(packages)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(course), str(packages)]))
    found = places.python_places()
    assert packages in found and course not in found
    named = places.own_paths()["PYTHONPATH"].split(os.pathsep)
    assert named.count(str(packages)) == 1 and named[0] == str(course)


def test_packages_of_a_user_alone_are_found(tmp_path, monkeypatch):
    packages = tmp_path / "lib" / "python" / "site-packages"
    packages.mkdir(parents=True)
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "getusersitepackages", lambda: str(packages))
    monkeypatch.setattr(site, "getuserbase", lambda: str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    assert packages in places.python_places() and places.own_paths()["PYTHONUSERBASE"] == str(tmp_path)


def test_where_python_was_told_of_its_libraries_it_is_told_in_there_and_of_no_others(monkeypatch):
    own = f"{sys.base_prefix}/lib"
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/srv/others:{own}:")
    monkeypatch.setattr(places, "python_places", lambda: [Path(sys.base_prefix)])
    assert places.libraries() == {"LD_LIBRARY_PATH": own}
    for tier in sandbox.TIERS:
        sealed = sandbox.seal(["true"], sandbox.Room(Path("/srv")), sandbox.sandbox_user(), tier=tier)
        assert "LD_LIBRARY_PATH" in " ".join(sealed) and own in " ".join(sealed)
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert places.libraries() == {}


def test_a_python_in_the_root_folder_does_not_show_everything(monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", "/")
    assert Path("/") not in places.python_places()


@pytest.mark.parametrize("prefix", ["/home/learner/python", "/home/learner", "/home"])
def test_what_is_shown_under_a_name_of_its_own_hides_no_python(monkeypatch, prefix):
    monkeypatch.setattr(places, "python_places", lambda: [Path(prefix)])
    name = Path(places.free_name("/home/learner"))
    assert not name.is_relative_to(prefix) and not Path(prefix).is_relative_to(name)
    assert places.free_name("/run/mailbox") == "/run/mailbox"


@pytest.fixture
def course(tmp_path):
    """A folder in place of a course, in a home folder."""
    folder = tmp_path / "home" / "course"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("variable", "where"),
    [
        ("AUTOENCODER_CACHE", ""),
        ("AUTOENCODER_CACHE", ".."),
        ("AUTOENCODER_CACHE", "/tmp"),
        ("AUTOENCODER_FLOWERS", ".."),
        ("AUTOENCODER_FLOWERS", "link"),
    ],
)
def test_a_folder_that_would_show_the_course_or_temporary_files_is_refused(course, monkeypatch, variable, where):
    (course / "link").symlink_to(course)
    monkeypatch.setenv(variable, str(course / where))
    with pytest.raises(CourseError, match=f"submissions could read: set {variable} to a folder of its own") as caught:
        sandbox.expect_hidden(course)
    assert "\n" not in str(caught.value)


def test_a_cache_in_the_course_is_fine(course, monkeypatch):
    (course / "cache").mkdir()
    monkeypatch.setenv("AUTOENCODER_CACHE", str(course / "cache"))
    sandbox.expect_hidden(course)


def test_photos_that_are_not_there_are_named(course, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_FLOWERS", str(course / "photos"))
    with pytest.raises(CourseError, match="photos, which is not there"):
        sandbox.expect_hidden(course)


def test_temporary_files_among_the_packages_are_refused(course, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(Path(site.getsitepackages()[0], "tmp")))
    with pytest.raises(CourseError, match="set TMPDIR to another folder"):
        sandbox.expect_hidden(course)


@pytest.mark.parametrize("prefix", ["home", "."])
def test_a_python_right_in_a_home_folder_is_refused(tmp_path, monkeypatch, prefix):
    home = tmp_path / "home"
    (home / "python").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / prefix))
    with pytest.raises(CourseError, match="in a folder of its own"):
        sandbox.expect_hidden(Path("/srv/course"))


def test_sockets_have_short_names_and_a_machine_without_room_for_them_is_named(tmp_path, monkeypatch):
    temporary.short_folder.cache_clear()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a folder with a long name"))
    assert temporary.short_folder() in ("/tmp", "/var/tmp")
    temporary.short_folder.cache_clear()
    monkeypatch.setattr(temporary, "_SHORT", (str(tmp_path / "none"),))
    with pytest.raises(CourseError, match="can be written to: .*set TMPDIR"):
        temporary.short_folder()
    temporary.short_folder.cache_clear()
