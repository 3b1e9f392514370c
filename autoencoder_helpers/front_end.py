"""Before what a notebook's code runs: whether somebody sits there, and what can be drawn."""

import sys


def session():
    """The IPython session in which this code runs, a kernel's or a terminal's; None outside of IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def shows_cards() -> bool:
    """Whether we run in a Jupyter kernel, whose front end draws cards."""
    kernel = sys.modules.get("ipykernel.zmqshell")
    return bool(kernel and isinstance(session(), kernel.ZMQInteractiveShell))


def somebody_is_there() -> bool:
    """Whether the front end that runs this cell could pass on what a person types.

    JupyterLab says so with each cell. nbconvert, nbgrader and the like say that they cannot: they make documents, and a
    document that finds a widget in it shows nothing where the widget's scripts cannot be fetched.
    """
    request = getattr(session(), "parent_header", None) or {}
    return bool(request.get("content", {}).get("allow_stdin"))
