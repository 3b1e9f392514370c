"""JupyterLab in a real browser: a server that knows nothing of the user's settings, and hands for its notebooks.

Each step leaves a screenshot in build/browser/: light and in CSS pixels, and where the look is ours also dark and with
two pixels for one.
"""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import nbformat
import pytest
import requests

REPOSITORY = Path(__file__).resolve().parents[2]
PICTURES = REPOSITORY / "build" / "browser"
#: Those that README.md shows. AUTOENCODER_README_PICTURES=1 makes them anew, in docs/images/.
IN_README = ("card-not-yet-2x", "card-passed-2x", "training-2x", "explorer-plane", "formgrader-feedback")
#: Milliseconds. Machines are slow and shared, and a kernel that imports TensorFlow on one takes its time.
PATIENCE = 180_000
TOKEN = "secret"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: What would make one run look different from the next, or ask the network.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
_open_pages = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """What the page looked like when a test failed."""
    report = yield
    if report.failed:
        for page in _open_pages:
            name = re.sub(r"\W+", "-", item.name)
            with contextlib.suppress(Exception):  # the page may be why it failed
                page.screenshot(path=PICTURES / f"failed-{name}.png", scale="css", timeout=10_000)
    return report


@pytest.fixture(scope="session")
def tiny():
    """The module with the tiny courses of the grader's tests: TinyCourse, _tiny_notebook."""
    path = REPOSITORY / "tests" / "autoencoder_grader" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_courses", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser():
    """A Chromium. Of one module, because its event loop would be in the way of tests that start one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here (make setup installs it)")
    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    if os.name == "nt":
        pytest.skip("stops servers with a signal that Windows lacks")
    # Chromium's own sandbox refuses to work for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=[*options, "--disable-dev-shm-usage"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def new_page(browser):
    """A function: server -> a page of it, two pixels for one, that waits as long as a slow machine needs."""
    contexts = []

    def new(server):
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, device_scale_factor=2, base_url=server.address
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        _open_pages.append(page)
        page.goto(f"/lab?token={TOKEN}")
        page.wait_for_function("window.jupyterapp !== undefined")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        # A notebook that is opened before the kernels are known asks which to take.
        ready = "[window.jupyterapp.restored, window.jupyterapp.serviceManager.kernelspecs.ready]"
        page.evaluate(f"Promise.all({ready}).then(() => null)")
        return page

    yield new
    _open_pages.clear()
    for context in contexts:
        context.close()


class Server:
    """JupyterLab, started by a command in a folder, with a home of its own."""

    def __init__(self, command, folder, home):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address, self.log = f"http://127.0.0.1:{port}", home / "log.txt"
        settings = home / "settings"
        for name, values in SETTINGS.items():
            path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        options = [f"--port={port}", f"--ServerApp.token={TOKEN}", "--LabApp.expose_app_in_browser=True"]
        if os.geteuid() == 0:
            options.append("--allow-root")
        with self.log.open("w") as stream:
            self._process = subprocess.Popen(
                [*map(str, command), "--no-browser", *options],
                cwd=folder,
                env=os.environ | {name: str(home / place) for name, place in places.items()},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    def wait(self):
        """Return when it answers."""
        until = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log.read_text()
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{self.address}/api/status", params={"token": TOKEN}, timeout=10).ok:
                    return
            time.sleep(0.3)
        raise AssertionError(f"no answer: {self.log.read_text()}")

    def stop(self):
        """End it, with its kernels."""
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=30)
                return


@pytest.fixture(scope="module")
def serve(browser, tmp_path_factory):
    """A function: (command, folder) -> a Server that answers, stopped at the module's end."""
    servers = []

    def start(command, folder):
        servers.append(Server(command, folder, tmp_path_factory.mktemp("home")))
        servers[-1].wait()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Notebook:
    """A notebook that is open in a page, and what a person does to it. Cells go by their id."""

    def __init__(self, page, path, file):
        self.page, self._path = page, path
        self._ids = [cell.id for cell in nbformat.read(file, as_version=4).cells]
        self.activate()
        page.evaluate("window.jupyterapp.commands.execute('application:set-mode', {mode: 'single-document'})")
        self.panel = page.locator(".jp-NotebookPanel:visible")
        self.panel.locator(".jp-Cell").nth(len(self._ids) - 1).wait_for(state="attached")

    def activate(self):
        """Have it before all other notebooks."""
        # What is run before there is a kernel that answers is not run at all.
        opening = """async path => {
            const panel = await window.jupyterapp.commands.execute("docmanager:open", {path});
            await panel.context.ready;
            await panel.sessionContext.ready;
            await panel.sessionContext.session.kernel.info;
        }"""
        self.page.evaluate(opening, self._path)

    def cell(self, name):
        """A cell."""
        return self.panel.locator(".jp-Notebook > .jp-WindowedPanel-outer .jp-Cell").nth(self._ids.index(name))

    def output(self, name):
        """All that a cell shows below itself."""
        return self.cell(name).locator(".jp-OutputArea-child .jp-OutputArea-output")

    def prompt(self, name):
        """What stands left of a cell: `[ ]:`, `[*]:` while it runs, then its number."""
        return self.cell(name).locator(".jp-InputPrompt")

    def start(self, name):
        """Run a cell, as Ctrl and Enter do, and do not wait for it."""
        self.prompt(name).click()
        self.page.keyboard.press("Control+Enter")

    def run(self, name):
        """Run a cell to its end."""
        prompt = self.prompt(name)
        before = prompt.inner_text()
        self.start(name)
        self.page.wait_for_function(
            "([prompt, before]) => /[0-9]/.test(prompt.innerText) && prompt.innerText !== before",
            arg=[prompt.element_handle(), before],
        )

    def run_until(self, name):
        """Run all code cells from the first to this one."""
        for above in self._ids[: self._ids.index(name) + 1]:
            if "jp-CodeCell" in self.cell(above).get_attribute("class"):
                self.run(above)

    def type(self, name, source):
        """Put something else into a cell by keyboard. Lines of `source` start at its left edge."""
        self.cell(name).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        for number, line in enumerate(source.splitlines()):
            self.page.keyboard.press("Enter" if number else "Delete")
            self.page.keyboard.type(line)


@pytest.fixture(scope="session")
def open_notebook():
    """A function: (page, path from the server's root, file) -> Notebook."""
    return Notebook


@pytest.fixture(scope="session")
def theme():
    """A function: (page, "Light" or "Dark") puts JupyterLab into this theme."""

    def change(page, name):
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {name}"
        )
        page.locator(f"body[data-jp-theme-light={str(name == 'Light').lower()}]").wait_for(state="attached")

    return change


@pytest.fixture(scope="session")
def picture(theme):
    """A function: (page or part of one, name) saves a screenshot; with `ours` also dark and sharp ones."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def shoot(thing, name, scale="css"):
        path = PICTURES / f"{name}.png"
        thing.screenshot(path=path, scale=scale, animations="disabled")
        if name in IN_README and os.environ.get("AUTOENCODER_README_PICTURES"):
            shutil.copy(path, REPOSITORY / "docs" / "images")

    def save(thing, name, ours=False):
        assert re.fullmatch(r"[a-z0-9-]+", name)
        shoot(thing, name)
        if ours:
            page = getattr(thing, "page", thing)
            shoot(thing, f"{name}-2x", "device")
            theme(page, "Dark")
            shoot(thing, f"{name}-dark")
            shoot(thing, f"{name}-dark-2x", "device")
            theme(page, "Light")

    return save
