"""A server extension of JupyterLab: saved notebooks keep pictures and texts in place of widgets.

A widget lives in the kernel. Without it JupyterLab would show an error where the saved notebook holds a page's part too.
"""

from __future__ import annotations

_VIEW = "application/vnd.jupyter.widget-view+json"


def keep_pictures(model: dict, **_) -> None:
    """Take the widget out of each output that has a picture or a card as well, just before the notebook is saved.

    model: what JupyterLab is about to save, as its contents managers hand it to a hook; changed in place.
    """
    if model.get("type") != "notebook" or not model.get("content"):
        return
    for cell in model["content"].get("cells", ()):
        for output in cell.get("outputs", ()):
            if {"image/png", "text/html"} & output.get("data", {}).keys():
                output["data"].pop(_VIEW, None)


def _jupyter_server_extension_points():
    return [{"module": __name__}]


def _load_jupyter_server_extension(server):
    server.contents_manager.register_pre_save_hook(keep_pictures)
