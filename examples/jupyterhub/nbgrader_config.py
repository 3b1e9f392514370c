"""nbgrader's settings for everybody on the machine: /etc/jupyter/nbgrader_config.py. The course has its own beside it."""

from nbgrader.auth import JupyterHubAuthPlugin

c = get_config()  # noqa: F821 - nbgrader puts this name here

c.Exchange.root = "/srv/autoencoders/exchange"
c.CourseDirectory.course_id = "autoencoders"
# Whose courses are whose, the hub knows: students see assignments of theirs alone.
c.Authenticator.plugin_class = JupyterHubAuthPlugin

# The button Validate waits for a training; by itself it waits 30 seconds for a cell. Grading has settings of its own.
c.Execute.timeout = 1800
c.Execute.startup_timeout = c.Execute.iopub_timeout = 180
