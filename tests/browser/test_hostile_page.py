"""A learner's text in formgrader's page of a submission: no control of the page finds it, and each does its own work."""

import gzip
import re
import subprocess
import sys

import pytest
from autoencoder_grader.kernels import sandbox
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
from nbgrader.api import Gradebook
from tiny_class import ROUNDS_DOWN

expect = pytest.importorskip("playwright.sync_api", reason="no playwright here (make setup installs it)").expect

GRADED = ("conv-sides", "flowers-beta", "tiny-written")
#: What formgrader's scripts look for: ids, and classes.
IDS = [f"{name}{end}" for name in GRADED for end in ("", "-comment", "_extra_credit")]
IDS += ["notebook", "notebook-container", "statusmessage", "help-dialog", "toc", "top"]
CLASSES = (
    "nbgrader_cell score extra-credit full-credit no-credit mark-graded score-saved comment comment-saved tabbable "
    "name-shown name-hidden live-notebook previous next help panel btn modal fade in navbar-fixed-top"
)
TAKEN = "".join(
    f'<div id="{name}" name="{name}" class="{CLASSES}" role="button" data-toggle="tooltip" data-link="x" for="{name}" '
    f'aria-labelledby="{name}" aria-controls="{name}" aria-describedby="{name}" tabindex="0" accesskey="n">'
    f'<input id="{name}" class="{CLASSES}" value="7"><textarea id="{name}" class="comment">x</textarea>'
    f'<label for="{name}">l</label><a id="{name}" name="{name}" href="#{name}">a</a><i id="{name}"></i></div>'
    for name in IDS
)
#: Links and boxes that would lie over the buttons around them.
OVER = (
    '<div style="margin-top:-3000px;height:9000px;opacity:0.01"><a href="https://example.org/" style="display:block;'
    'height:9000px;width:100%">over</a></div><div style="height:0"><a href="https://example.org/" style="display:block;'
    'height:9000px;opacity:0.01">under</a></div><p style="position:fixed;top:0;left:0;width:100%;height:100%">all</p>'
)
HEADINGS = "\n\n".join(f"# {name}\n\n{name}\n===" for name in IDS)
SHOUTS = "<!doctype html><title>quiet</title><script>parent.document.title = document.title = 'ran'</script>page"
FILES = {
    "evil.html": SHOUTS.encode(),
    "evil": SHOUTS.encode(),
    "utf16.html": SHOUTS.encode("utf-16"),
    "evil.html.gz": gzip.compress(SHOUTS.encode()),
    "evil.xhtml": b"<html xmlns='http://www.w3.org/1999/xhtml'><script>parent.document.title = 'ran'</script></html>",
    "sub/evil.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>parent.document.title = 'ran'</script></svg>",
    "nbgrader_config.py": b"import pathlib\npathlib.Path('settings-ran').touch()\n",
}
LINKS = "".join(
    f"[a]({name}) <a href='{name}'>b</a> ![c]({name}) [d](../{name}) [e](/files/{name}) [f](http:{name}) <//x/{name}>"
    f"[g](%2e%2e%2f{name}) [h](//x/{name}) <a href='ht&#9;tp:{name}'>i</a> [j][k]\n\n[k]: {name}\n\n"
    for name in FILES
)
FENCE = "```html\n<i id='conv-sides'></i>\n```\n\n```mermaid\nflowchart LR\n```\n"


def hostile(tiny):
    """A notebook whose every text is after the page around it."""
    answers = {"write_sides": ROUNDS_DOWN, "train_net": "beta = 0.0012"}
    notebook = tiny._tiny_notebook(
        "tiny", tiny_written=TAKEN + OVER + "\n\n" + HEADINGS + "\n\n" + FENCE + LINKS, **answers
    )
    tags = {"tags": [f"x {CLASSES}"], "magics_language": "html", "raw_mimetype": "text/html", "alt": '" id="conv-sides'}
    shows = f"from IPython.display import HTML, display\ndisplay(HTML({TAKEN + OVER!r}))\nHTML({TAKEN + OVER!r})"
    own = [
        new_markdown_cell(TAKEN + OVER + "\n\n" + HEADINGS, metadata=tags),
        new_raw_cell(TAKEN + OVER, metadata=tags),
        new_code_cell(shows, metadata=tags),
        new_code_cell(f"print({TAKEN!r}); raise ValueError({TAKEN!r})", metadata=tags),
    ]
    notebook.cells = [*own, *[cell for known in notebook.cells for cell in (known, own[0].copy())]]
    for number, cell in enumerate(notebook.cells):
        if "nbgrader" not in cell.metadata:
            cell.id = f"own-{number}"
        else:
            cell.metadata["tags"] = tags["tags"]
    return notebook


@pytest.fixture(scope="module")
def course(browser, tiny, tmp_path_factory):
    """A tiny course with a hostile submission and one that follows it, graded."""
    tiny_course = tiny.TinyCourse(tmp_path_factory.mktemp("course"))

    def run(*arguments):
        command = [sys.executable, "-m", "autoencoder_grader.cli", "--course", str(tiny_course.folder), *arguments]
        done = subprocess.run(command, cwd=tiny_course.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    run("release")
    folder = tiny_course.hand_in("mal", "01_tiny", hostile(tiny)).parent
    (folder / "sub").mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    tiny_course.hand_in("ned", "01_tiny", tiny._tiny_notebook("tiny"))
    trusted = [] if sandbox.available() else ["--i-trust-these-submissions"]
    run("grade", "--workers", "1", *trusted)
    return tiny_course.folder


@pytest.fixture(scope="module")
def page(course, serve, browser):
    """A page in the origin of JupyterLab with formgrader, started in the course's folder, by somebody who has logged in."""
    server = serve([sys.executable, "-m", "jupyterlab"], course)
    with browser.new_context(base_url=server.address, viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(180_000)
        page = context.new_page()
        page.goto("/formgrader/manage_assignments?token=secret")
        yield page


def of_mal(course):
    """(id of the submitted notebook, its manual scores by cell, extra credits by cell, comments by cell)."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_submission_notebook("01_tiny", "01_tiny", "mal")
        grades = {grade.name: (grade.manual_score, grade.extra_credit) for grade in notebook.grades}
        return notebook.id, grades, {comment.name: comment.manual_comment for comment in notebook.comments}


@pytest.fixture
def opened(page, course):
    """The page of the hostile submission, with everything loaded that its scripts ask for."""
    page.goto(f"/formgrader/submissions/{of_mal(course)[0]}/")
    page.wait_for_function("window.formgrader && formgrader.grades.loaded && formgrader.comments.loaded")
    page.wait_for_function("!$('body, html').is(':animated')")  # it scrolls to where one was
    return page


def test_the_page_holds_no_name_of_a_learner(opened):
    marked = """Array.from(document.querySelectorAll('.text_cell_render *, .output_area *, pre *, .rendered_html *'))
        .filter(part => !part.closest('.input_area, .nbgrader-label'))
        .flatMap(part => Array.from(part.attributes).map(a => [part.tagName, a.name, a.value]))
        .filter(([tag, name, value]) => /^(id|class|name|for|accesskey|data-.*|aria-(?!label$).*)$/.test(name)
            && !/^(prompt|output_|ansi-)/.test(value))"""
    assert opened.evaluate(marked) == []
    assert [opened.locator(f'[id="{name}"]').count() for name in GRADED] == [1, 1, 1]
    tabbable = opened.locator(".tabbable")
    # A score and extra credit for each graded cell, a comment for each answer, and the link to the next submission.
    assert tabbable.count() == 2 * len(GRADED) + 3 + 1
    assert opened.locator(".nbgrader_cell").count() == 5
    expect(opened.get_by_text("ValueError").first).to_be_visible()


@pytest.mark.parametrize("cell", GRADED)
def test_each_control_grades_its_own_cell_and_no_other(opened, course, cell):
    box = opened.locator(".nbgrader_cell").filter(has=opened.locator(f'input[id="{cell}"]'))
    expect(box).to_have_count(1)

    def changes(act, wanted):
        """`act` sends one grade and what the gradebook then holds differs from before in `wanted` alone."""
        before = of_mal(course)[1]
        sent = []
        opened.on("request", note := lambda request: request.method == "PUT" and sent.append(request.url))
        with opened.expect_response(lambda answer: answer.request.method == "PUT"):
            act()
        opened.wait_for_timeout(300)
        opened.remove_listener("request", note)
        assert len(sent) == 1
        assert of_mal(course)[1] == before | {cell: wanted}

    most = float(re.search(r"/ ([\d.]+)", box.locator(".panel-heading").first.inner_text()).group(1))
    changes(box.get_by_role("button", name="Full credit").click, (most, None))
    changes(box.get_by_role("button", name="No credit").click, (0.0, 0.0))

    def fill(place, text):
        box.locator(place).fill(text)
        box.locator(place).press("Tab")

    changes(lambda: fill("input.score", "0.5"), (0.5, 0.0))
    changes(lambda: fill("input.extra-credit", "0.25"), (0.5, 0.25))
    # It shows when a submission is graded again that a person had graded.
    changes(lambda: box.locator(".mark-graded").evaluate("button => button.click()"), (0.5, 0.25))
    assert f"/formgrader/submissions/{of_mal(course)[0]}/" in opened.url


def test_a_comment_lands_in_its_cell_and_the_name_is_shown_and_hidden(opened, course):
    comment = opened.locator('textarea[id="tiny-written-comment"]')
    before = of_mal(course)[2]
    with opened.expect_response(lambda answer: "/api/comment/" in answer.url and answer.request.method == "PUT"):
        comment.fill("Two numbers?")
        comment.press("Tab")
    assert of_mal(course)[2] == before | {"tiny-written": "Two numbers?"}
    opened.locator(".glyphicon-eye-open").click()
    expect(opened.locator("a.name-shown")).to_have_text("mal")
    opened.locator(".glyphicon-eye-close").click()
    expect(opened.locator("a.name-shown")).to_be_hidden()


def test_help_opens_and_closes(opened):
    opened.locator(".help").click()
    expect(opened.locator("#help-dialog")).to_contain_text("Move to the next score or comment input")
    expect(opened.locator("#help-dialog .shortcut-key")).to_have_count(9)
    opened.locator("#help-dialog").get_by_role("button", name="Close").last.click()
    expect(opened.locator("#help-dialog")).to_have_count(0)


def test_keys_go_from_field_to_field_and_back(opened):
    fields = opened.evaluate("Array.from(document.querySelectorAll('.tabbable')).map(part => part.id)")
    opened.locator(".tabbable").first.focus()
    seen = []
    for _ in fields:
        seen.append(opened.evaluate("document.activeElement.id"))
        opened.keyboard.press("Tab")
    assert seen == fields
    opened.keyboard.press("Shift+Tab")
    assert opened.evaluate("document.activeElement.id") == fields[-1]
    opened.keyboard.press("Shift+Tab")
    opened.keyboard.press("Escape")
    assert opened.evaluate("document.activeElement.tagName") == "BODY"
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == fields[-2]


def number_of(page, course):
    """The place of the shown submission among those of its chapter, as its heading says; and the id in its address."""
    expect(page.locator(".panel-title .pull-right").first).to_contain_text("Submission")
    return page.locator(".panel-title .pull-right").first.inner_text()


@pytest.mark.parametrize("way", ["click", "keys"])
def test_one_goes_to_the_next_submission_and_back(opened, course, way):
    def go(name, key):
        here = opened.url.partition("?")[0]
        if way == "click":
            opened.locator(f"li.{name} a").click()
        else:
            opened.locator("input.score").first.focus()
            opened.keyboard.press(key)
        opened.wait_for_function("here => !location.href.startsWith(here)", arg=here)
        opened.wait_for_function("window.formgrader && formgrader.grades && formgrader.grades.loaded")

    first = number_of(opened, course)
    there, back = (("next", "Control+."), ("previous", "Control+,"))
    if first.startswith("Submission 2"):
        there, back = back, there
    go(*there)
    assert number_of(opened, course) != first
    go(*back)
    assert number_of(opened, course) == first


#: Ways to write the address of a file of one's own from the page of a submission.
ADDRESSES = (
    "evil.html",
    "sub/evil.svg",
    "./evil.xhtml",
    "..%2f..%2f..%2fsubmitted%2fmal%2f01_tiny%2fevil.html",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2fsubmitted%2fmal%2f01_tiny%2fsub%2fevil.svg",
    "..%2f..%2f..%2fsubmitted%2fmal%2f01_tiny%2fevil.xhtml",
    "..%2f..%2f..%2fsubmitted%2fmal%2f01_tiny%2fevil",
    "..%2f..%2f..%2fsubmitted%2fmal%2f01_tiny%2fevil.html.gz",
    "..%2f..%2f..%2fsubmitted%2fmal%2f01_tiny%2futf16.html",
)


def test_no_link_of_a_learner_leads_to_a_file(opened):
    hrefs = opened.evaluate(
        "Array.from(document.querySelectorAll('#notebook-container a')).map(link => link.getAttribute('href'))"
    )
    assert {href for href in hrefs if href} <= {"https://example.org/"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_file_that_was_handed_in_is_a_page(opened, address):
    """Not even for somebody who is told its address."""
    here = opened.url.partition("?")[0]  # its script adds where one was
    opened.evaluate(
        """address => { document.title = 'quiet'; const frame = document.createElement('iframe');
        frame.src = address; frame.id = 'frame'; document.body.append(frame); }""",
        address,
    )
    opened.wait_for_timeout(1500)
    assert opened.title() == "quiet"
    answer = opened.request.get(here + address)
    if answer.ok:
        headers = answer.headers
        assert headers["content-disposition"] == "attachment" and headers["content-type"] == "application/octet-stream"
        assert (
            headers["content-security-policy"].startswith("sandbox;") and headers["x-content-type-options"] == "nosniff"
        )
    else:
        assert answer.status in (403, 404)


def test_formgrader_takes_no_settings_from_a_folder_that_was_handed_in(opened, course):
    handed_in = course / "submitted" / "mal" / "01_tiny"
    for path in (handed_in, "submitted/mal/01_tiny", "autograded/mal", f"{course}/feedback/../submitted/mal/01_tiny"):
        assert opened.request.get("/formgrader", params={"path": str(path)}, max_redirects=0).status == 403
    assert not (course / "settings-ran").exists()
    assert opened.request.get("/formgrader", params={"path": str(course)}, max_redirects=0).status == 302
