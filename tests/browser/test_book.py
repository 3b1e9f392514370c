"""A reader of the book, in a browser: the search finds a term, a solution unfolds, and nothing is fetched elsewhere."""

import functools
import http.server
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="no playwright here (make setup installs it)").expect

MAKER = Path(__file__).resolve().parents[1] / "autoencoder_grader" / "book" / "conftest.py"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def book(browser, tmp_path_factory):
    """The address of a book of one tiny chapter."""
    spec = importlib.util.spec_from_file_location("tiny_book", MAKER)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    course = maker.BookCourse(tmp_path_factory.mktemp("book")).folder
    command = [sys.executable, "-m", "autoencoder_grader.cli", "--course", str(course), "book"]
    subprocess.run(command, cwd=course, check=True, timeout=300)
    pages = functools.partial(_Quiet, directory=course / "docs" / "_build" / "html")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_reader_searches_opens_a_chapter_and_unfolds_its_solution(browser, book, picture, look):
    wide = {"width": 1280, "height": 900}
    with browser.new_context(color_scheme=look, viewport=wide, device_scale_factor=2) as context:
        page, elsewhere = context.new_page(), []
        page.on("request", lambda request: request.url.startswith(book) or elsewhere.append(request.url))
        page.goto(f"{book}search.html?q=marmalade")
        found = page.locator("#search-results").get_by_role("link", name="A tiny chapter of marmalade").first
        expect(found).to_be_visible()
        picture(page, f"book-search-{look}")
        found.click()
        expect(page.get_by_role("heading", name="A tiny chapter of marmalade")).to_be_visible()
        expect(page.get_by_text('raise NotImplementedError("Say the answer")')).to_be_visible()
        solution = page.locator("details").filter(has_text="Show a solution").first
        expect(solution.get_by_text("worked out", exact=True)).to_be_hidden()
        solution.get_by_text("Show a solution").click()
        expect(solution.get_by_text("worked out", exact=True)).to_be_visible()
        picture(page, f"book-chapter-{look}")
        assert page.locator("html").get_attribute("data-theme") == look
        assert elsewhere == []


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("path", ["index.html", "search.html?q=marmalade", "chapters/01_tiny/01_tiny.html"])
def test_axe_finds_nothing_serious_in_the_book(browser, book, look, path):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe-playwright-python here (make setup installs it)"
    ).Axe()
    with browser.new_context(color_scheme=look, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{book}{path}", wait_until="networkidle")
        for folded in page.locator("details").all():
            folded.evaluate("details => { details.open = true }")
        # What unfolds fades in, and is pale meanwhile.
        page.wait_for_function("document.getAnimations().every(fading => fading.playState !== 'running')")
        found = axe.run(page)
        judged = {entry["id"] for entry in found.response["passes"]}
        assert {"color-contrast", "link-name"} <= judged, "axe took the page for empty"
        serious = [entry["id"] for entry in found.response["violations"] if entry["impact"] in ("serious", "critical")]
        assert not serious, found.generate_report()
