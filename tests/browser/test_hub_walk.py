"""A hub from set_up.sh to feedback, with a mouse: in a copy of this machine that forgets it all. A quarter of an hour.

A student fetches a chapter, works, validates and submits; a grader releases and collects in formgrader, grades in a terminal, looks,
and releases feedback; the student reads it; another grader grades, too. docs/jupyterhub.md tells of it.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import clean_place
import pytest

expect = pytest.importorskip("playwright.sync_api", reason="no playwright here (make setup installs it)").expect

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("AUTOENCODER_FAULTS") != "long", reason="takes a quarter of an hour: set AUTOENCODER_FAULTS=long"
    ),
    pytest.mark.skipif(
        bool(clean_place.trouble()), reason="a copy of this machine that forgets " + clean_place.trouble()
    ),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here (Debian: apt-get install npm)"),
    pytest.mark.timeout(3600),
]

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples" / "jupyterhub"
CHAPTER = "01_dense_autoencoder"
NOTEBOOK = f"{CHAPTER}/{CHAPTER}.ipynb"
STUDENTS, GRADERS = ("ada", "ben"), ("iris", "noor")
ACCOUNT, COURSE = "grader-autoencoders", "/srv/autoencoders/course"
SERVICE = "/services/autoencoders"
PASSWORD = "correct horse"
SLOW = 600_000  # milliseconds in which a server starts, a notebook is validated, a submission is graded
SOLUTION = 'x_train = raw_train.astype("float32") / 255\nx_test = raw_test.astype("float32") / 255'


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Hub:
    """A hub that runs in a clean place, set up by the files of examples/jupyterhub as they are."""

    def __init__(self, place, folder):
        self.place, self._log = place, folder / "hub.log"
        for user in (*STUDENTS, *GRADERS):
            self.place.run(
                "bash", "-c", f"useradd --create-home --shell /bin/bash {user} && echo '{user}:{PASSWORD}' | chpasswd"
            )
        self.place.run("npm", "install", "--global", "configurable-http-proxy")
        self.place.run("bash", str(EXAMPLES / "set_up.sh"), log=folder / "set_up.log")
        self._show_all_cells()
        own, inner, graders, proxy = free_ports(4)
        self.address = f"http://127.0.0.1:{own}"
        program = f"/opt/autoencoders/bin/jupyterhub -f {EXAMPLES}/jupyterhub_config.py --ConfigurableHTTPProxy.api_url=http://127.0.0.1:{proxy}"
        self._process = self.place.start(
            "bash",
            "-c",
            f"install -d -m 700 /srv/hub && cd /srv/hub && exec {program}",
            log=self._log,
            HUB_ADDRESS=self.address,
            HUB_PORT=str(inner),
            GRADERS_ADDRESS=f"http://127.0.0.1:{graders}",
        )
        until = time.monotonic() + SLOW / 1000
        while "JupyterHub is now running" not in self._log.read_text():
            assert self._process.poll() is None and time.monotonic() < until, self._log.read_text()[-3000:]
            time.sleep(0.5)

    def _show_all_cells(self):
        """Settings of JupyterLab by which the hands of these tests find a cell; a person needs none."""
        settings = {
            ".jupyter/jupyter_lab_config.json": {"LabApp": {"expose_app_in_browser": True}},
            ".jupyter/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {
                "windowingMode": "none"
            },
            ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
                "fetchNews": "false",
                "checkForUpdates": False,
            },
        }
        for user in ("ada", ACCOUNT):
            for name, values in settings.items():
                script = f"mkdir -p \"$(dirname ~/'{name}')\" && cat > ~/'{name}' <<< '{json.dumps(values)}'"
                self.place.run("bash", "-c", script, user=user, HOME=f"/home/{user}")

    def close(self):
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = clean_place.CleanPlace(tmp_path_factory.mktemp("place"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def hub(browser, place, tmp_path_factory):
    running = Hub(place, tmp_path_factory.mktemp("hub"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def page_of(hub, browser):
    """A function: user -> a page of theirs, logged in."""
    contexts = []

    def log_in(user):
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, device_scale_factor=2, base_url=hub.address
        )
        contexts.append(context)
        context.set_default_timeout(SLOW)
        context.set_default_navigation_timeout(SLOW)
        page = context.new_page()
        page.goto("/hub/login")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/user/{user}/lab**")
        return page

    yield log_in
    for context in contexts:
        context.close()


def menu(page, entry):
    """Choose an entry of the menu Nbgrader."""
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


class Terminal:
    """A terminal of the graders' server."""

    def __init__(self, hub, page, user):
        self._hub, self._page, self._count, self._user = hub, page, 0, user
        page.goto(f"{SERVICE}/lab?reset")
        page.locator(".jp-LauncherCard", has_text="Terminal").click()
        self._page.locator(".jp-Terminal .xterm-screen").wait_for()

    def type(self, line):
        """Type a command, and wait for its end; it has to end well."""
        self._count += 1
        said = f".ended-{self._user}-{self._count}"
        self._page.locator(".jp-Terminal .xterm-screen").click()
        self._page.keyboard.type(f"{line}; echo $? > ~/{said}\n")
        file = self._hub.place.path(f"/home/{ACCOUNT}/{said}")
        until = time.monotonic() + SLOW / 1000
        while not (file.exists() and file.read_text().strip()):
            assert time.monotonic() < until, f"{line} has not ended"
            self._page.wait_for_timeout(500)
        assert file.read_text().strip() == "0", f"{line} ended with {file.read_text()}"


def test_a_class_works_in_the_hub_and_two_graders_grade_it(hub, page_of, open_notebook, picture):
    iris = page_of("iris")
    terminal = Terminal(hub, iris, "iris")
    terminal.type("printf 'id\\nada\\nben\\n' > students.csv && nbgrader db student import students.csv")
    terminal.type(f"autoencoder-course release {CHAPTER}")
    picture(iris, "hub-terminal")

    form = iris.context.new_page()
    form.goto(f"{SERVICE}/formgrader")
    row = form.get_by_role("row").filter(has_text=CHAPTER)
    row.locator(".release a").click()
    expect(row.locator(".status")).to_have_text("released", timeout=SLOW)
    close_dialog(form)
    picture(form, "hub-formgrader-released")

    ada = page_of("ada")
    menu(ada, "Assignment List")
    picture(ada, "hub-assignment-list")
    released = ada.locator("#released_assignments_list .list_item").filter(has_text=CHAPTER)
    released.get_by_role("button", name="Fetch").click()
    fetched = ada.locator("#fetched_assignments_list .list_item").filter(has_text=CHAPTER)
    expect(fetched.get_by_role("button", name="Submit")).to_be_visible()
    copy = hub.place.path(f"/home/ada/{NOTEBOOK}")
    assert copy.is_file()

    notebook = open_notebook(ada, NOTEBOOK, copy)
    notebook.run_until("load-data")
    notebook.type("scale-images", SOLUTION)
    notebook.run("scale-images")
    notebook.run("dense-data")
    expect(notebook.output("dense-data")).to_contain_text("passed")
    picture(ada, "hub-check")
    notebook.panel.get_by_role("button", name="Validate").click()
    result = ada.get_by_role("dialog").filter(has_text="Validation Results")
    expect(result).to_be_visible(timeout=SLOW)
    expect(result).to_contain_text('check("dense.encoder"')
    expect(result).not_to_contain_text('check("dense.data"')
    picture(ada, "hub-validated")
    result.get_by_role("button", name="Ok").click()

    ada.evaluate("window.jupyterapp.commands.execute('application:set-mode', {mode: 'multiple-document'})")
    menu(ada, "Assignment List")
    fetched.get_by_role("button", name="Submit").click()
    submitted = ada.locator("#submitted_assignments_list .list_item").filter(has_text=CHAPTER)
    expect(submitted.first).to_be_visible()
    picture(ada, "hub-submitted")

    form.reload()
    row.locator(".collect a").click()
    expect(row.locator(".num-submissions")).to_have_text("1", timeout=SLOW)
    close_dialog(form)
    terminal.type(f"autoencoder-course grade {CHAPTER}")
    picture(iris, "hub-graded")
    form.goto(f"{SERVICE}/formgrader/gradebook/{CHAPTER}/{CHAPTER}")
    form.get_by_role("link", name=re.compile("Submission #1")).click()
    card = form.get_by_role("group", name="Check dense.data: passed")
    expect(card).to_be_visible()
    picture(form, "hub-formgrader-card")
    form.goto(f"{SERVICE}/formgrader")
    row.locator(".release-feedback a").click()
    dialog = form.locator(".modal.in")
    expect(dialog).to_contain_text("Success", ignore_case=True)
    picture(form, "hub-feedback-released")

    menu(ada, "Assignment List")
    submitted.get_by_role("button", name="Fetch Feedback").first.click()
    expect(submitted.get_by_text("(view feedback)").first).to_be_visible()
    (feedback,) = hub.place.path(f"/home/ada/{CHAPTER}/feedback").glob(f"*/{CHAPTER}.html")
    assert "dense.encoder" in feedback.read_text(encoding="utf-8")
    page = ada.context.new_page()
    page.goto(f"/user/ada/files/{feedback.relative_to(hub.place.path('/home/ada'))}")
    picture(page, "hub-feedback")

    noor = page_of("noor")
    menu(noor, "Course List")
    expect(noor.get_by_role("link", name="autoencoders")).to_be_visible()
    picture(noor, "hub-course-list")
    Terminal(hub, noor, "noor").type(f"autoencoder-course grade {CHAPTER} --again")
    marking = noor.context.new_page()
    marking.goto(f"{SERVICE}/formgrader/gradebook/{CHAPTER}/{CHAPTER}")
    marking.get_by_role("link", name=re.compile("Submission #1")).click()
    points = marking.locator("input#dense-written")
    with marking.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"):
        points.fill("1")
        points.press("Tab")
    picture(marking, "hub-second-grader")

    ben = page_of("ben")
    refused = ben.goto(f"{SERVICE}/formgrader")
    assert refused.status == 403
    for place in (
        f"{COURSE}/solutions",
        f"{COURSE}/gradebook.db",
        f"{COURSE}/.grading",
        "/home/ada",
        "/srv/autoencoders/exchange/autoencoders/inbound",
    ):
        with pytest.raises(AssertionError, match="Permission denied|cannot open"):
            hub.place.run("ls", place, user="ben")


def close_dialog(page):
    """Close what formgrader says after a button."""
    shown = page.locator(".modal.in")
    if shown.count():
        shown.get_by_role("button", name="OK").or_(shown.get_by_role("button", name="Close")).first.click()
        shown.first.wait_for(state="hidden")
