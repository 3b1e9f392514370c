"""One machine, accounts of its own, one course, graders who share it; docs/jupyterhub.md says how it is set up.

Start it as root, in a folder of its own that only root reads: /opt/autoencoders/bin/jupyterhub -f jupyterhub_config.py
"""

import os
from pathlib import Path

c = get_config()  # noqa: F821 - JupyterHub puts this name here

#: The course's name, in nbgrader_config.py, too: the service is called the same, or Course List does not find it.
COURSE = "autoencoders"
#: Where its folder is; whose it is, and who grades there: nobody logs in by that name.
FOLDER, ACCOUNT = Path("/srv/autoencoders/course"), f"grader-{COURSE}"
ENVIRONMENT = Path("/opt/autoencoders")
#: Users of this machine. Who is a student of the course, and who may grade it.
GRADERS = {"iris", "noor"}
STUDENTS = {"ada", "ben"}
#: Seconds that a server may take to start. JupyterHub's 30 are too few where many begin at once: then it gives up, itself included.
SLOW = 240

c.JupyterHub.bind_url = os.environ.get("HUB_ADDRESS", "http://127.0.0.1:8000")  # behind a server that speaks https
c.JupyterHub.hub_port = int(os.environ.get("HUB_PORT", "8081"))
c.JupyterHub.authenticator_class = os.environ.get("HUB_AUTHENTICATOR", "pam")
c.Authenticator.allowed_users = GRADERS | STUDENTS
c.Spawner.start_timeout = c.Spawner.http_timeout = SLOW
c.Spawner.cmd = [str(ENVIRONMENT / "bin" / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.environment = {
    "PATH": f"{ENVIRONMENT / 'bin'}:/usr/local/bin:/usr/bin:/bin",
    "AUTOENCODER_CACHE": "/srv/autoencoders/cache",  # MNIST, unpacked once; nobody but root writes there
}
# The spawner of local users does not hold anybody to these; systemd's, Docker's and Kubernetes' do.
c.Spawner.mem_limit = "4G"
c.Spawner.cpu_limit = 2

c.JupyterHub.load_groups = {
    f"formgrade-{COURSE}": {"users": sorted(GRADERS | {ACCOUNT})},  # nbgrader goes by these two beginnings
    f"nbgrader-{COURSE}": {"users": sorted(STUDENTS)},
}
c.JupyterHub.load_roles = [
    {
        "name": f"formgrade-{COURSE}",
        "groups": [f"formgrade-{COURSE}"],
        "scopes": [f"access:services!service={COURSE}", "list:services", f"read:services!service={COURSE}"],
    },
    # nbgrader in the graders' server asks for the courses of its account, and puts students that it is told of into their group.
    {
        "name": f"grading-{COURSE}",
        "services": [COURSE],
        "scopes": [f"read:users!user={ACCOUNT}", "list:groups", f"groups!group=nbgrader-{COURSE}"],
    },
    # Course List asks the hub, with a server's own token, which courses its user may grade.
    {"name": "server", "scopes": ["inherit"]},
]
# All graders work in this one server, as ACCOUNT: what one of them makes, the others may use.
c.JupyterHub.services = [
    {
        "name": COURSE,
        "url": os.environ.get("GRADERS_ADDRESS", "http://127.0.0.1:9999"),
        "command": [str(ENVIRONMENT / "bin" / "jupyterhub-singleuser")],
        "user": ACCOUNT,
        "cwd": str(FOLDER),
        "environment": {**c.Spawner.environment, "JUPYTERHUB_DEFAULT_URL": "/lab"},
        "oauth_no_confirm": True,
        "timeout": SLOW,
    }
]
