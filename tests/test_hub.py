"""The files that set a machine up for a hub name the same places, accounts and course, and open nothing to students.

browser/test_hub_walk.py starts a hub; it takes long.
"""

import re
import subprocess
from pathlib import Path

import pytest
from traitlets.config import Config

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples" / "jupyterhub"
SET_UP = (EXAMPLES / "set_up.sh").read_text(encoding="utf-8")


@pytest.fixture
def hub():
    """The settings of the hub, and the names of its file."""
    found = Config()
    names = {"get_config": lambda: found}
    exec((EXAMPLES / "jupyterhub_config.py").read_text(encoding="utf-8"), names)
    return found, names


def test_the_service_is_called_as_the_course_and_runs_as_its_account_in_its_folder(hub):
    config, names = hub
    course = re.search(r'course_id = "(.*?)"', (REPOSITORY / "nbgrader_config.py").read_text(encoding="utf-8"))[1]
    (service,) = config.JupyterHub.services
    assert service["name"] == names["COURSE"] == course
    assert service["user"] == re.search(r"ACCOUNT=(\S+)", SET_UP)[1]
    assert service["cwd"] == re.search(r"SERVED=(\S+)", SET_UP)[1] + "/course"
    assert service["command"][0].startswith(re.search(r"ENVIRONMENT=(\S+)", SET_UP)[1] + "/")
    assert f'course_id = "{course}"' in (EXAMPLES / "nbgrader_config.py").read_text(encoding="utf-8")


def test_graders_alone_may_enter_the_service_and_nobody_is_an_admin(hub):
    config, names = hub
    graders, students = (
        config.JupyterHub.load_groups[f"{kind}-{names['COURSE']}"]["users"] for kind in ("formgrade", "nbgrader")
    )
    assert not set(graders) & set(students) and set(names["GRADERS"]) < set(graders)
    for role in config.JupyterHub.load_roles:
        enters = [scope for scope in role["scopes"] if scope.startswith("access:services")]
        assert not enters or role["groups"] == [f"formgrade-{names['COURSE']}"]
        assert not [scope for scope in role["scopes"] if scope.startswith("admin")]
    assert "admin_users" not in config.Authenticator


def test_the_course_is_its_accounts_alone_and_the_cache_is_named_for_all(hub):
    config, _ = hub
    assert 'install -d -m 700 -o "$ACCOUNT" -g "$ACCOUNT" "$SERVED/course"' in SET_UP
    served = re.search(r"SERVED=(\S+)", SET_UP)[1]
    assert config.Spawner.environment["AUTOENCODER_CACHE"] == f"{served}/cache"
    assert f'"{served}/exchange"' in (EXAMPLES / "nbgrader_config.py").read_text(encoding="utf-8")
    assert "--editable" not in SET_UP
    assert 'for user in "$ACCOUNT" $GRADERS $STUDENTS; do\n    chmod 700 ' in SET_UP  # their homes


def test_the_set_up_is_plain_bash():
    assert subprocess.run(["bash", "-n", EXAMPLES / "set_up.sh"], capture_output=True).returncode == 0
