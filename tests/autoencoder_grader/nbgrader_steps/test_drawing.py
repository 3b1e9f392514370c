"""Texts become HTML within bounds, and whoever reads it is told what is not shown as usual."""

import time

import pytest
from autoencoder_grader.nbgrader_steps import drawing
from autoencoder_grader.nbgrader_steps.drawing import begin_page, draw


@pytest.fixture(autouse=True)
def one_second(monkeypatch):
    """A second for a text is enough here, and nothing is remembered from another test."""
    monkeypatch.setattr(drawing, "TEXT_SECONDS", 1.0)
    drawing._drawing._remembered.cache_clear()
    begin_page()


@pytest.fixture(autouse=True, scope="module")
def no_process_stays():
    """The drawing process ends with these tests."""
    yield
    drawing.close()


def seconds_of(act):
    """The processor's seconds that this process takes for something, and what it gives."""
    before = time.process_time()
    return act(), time.process_time() - before


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("html", "<b><i><a>" * 8000),
        ("markdown", "\\begin{a}" * 4000),
        ("markdown", "> " * 5000 + "x"),
        ("markdown", "[" * 100_000),
        ("terminal", "\x1b[31mx" * 160_000),
        ("code", "'" * 200_000),
    ],
)
def test_no_text_takes_long(kind, text):
    html, seconds = seconds_of(lambda: draw(kind, text))
    assert seconds < 1.0 and html.strip()
    # The process that did it took its share of the page, and another text is drawn.
    assert drawing.PAGE_SECONDS - drawing._drawing.left < 2.0
    assert "<b>x</b>" in draw("html", "<b>x</b>")


def test_what_takes_too_long_is_shown_as_it_was_written():
    html = draw("html", "<b><i><a>" * 8000)
    assert html.startswith("<pre>&lt;b&gt;&lt;i&gt;") and "it takes too long to draw" in html
    assert "20,000 of 72,000 characters are shown" in html and len(html) < 100_000


def test_a_long_text_is_cut_and_says_so():
    html = draw("terminal", "x" * 300_000)
    assert html.count("x") == 200_000 and "[cut here: 200,000 of 300,000 characters are shown]" in html
    assert "cut here" not in draw("terminal", "x" * 200_000)


def test_a_page_of_many_texts_ends_too(monkeypatch):
    monkeypatch.setattr(drawing._drawing, "left", 0.0)
    assert "the texts of this page take too long" in draw("markdown", "# x")
    begin_page()
    assert "<h1>x</h1>" in draw("markdown", "# x")


def test_memory_is_bounded(monkeypatch):
    drawing.close()
    monkeypatch.setattr(drawing, "MEMORY", 300 << 20)
    monkeypatch.setattr(drawing, "TEXT_SECONDS", 20.0)
    monkeypatch.setitem(drawing.MOST, "terminal", 200_000_000)
    html = draw("terminal", "\x1b[31mx\x1b[0m" * 10_000_000)
    drawing.close()
    assert "shown as it was written" in html and len(html) < 200_000


def test_what_fails_is_shown_as_it_was_written(monkeypatch):
    def fails(text):
        raise KeyError(text)

    monkeypatch.setitem(drawing.DRAWERS, "html", fails)
    html = draw("html", "<b>x</b>")
    assert html.startswith("<pre>&lt;b&gt;x&lt;/b&gt;</pre>") and "it cannot be drawn (KeyError)" in html


def test_a_drawing_process_that_is_killed_is_followed_by_another():
    draw("html", "<b>x</b>" * 1000)
    drawing._drawing._process._process.kill()
    assert "shown as it was written" in draw("html", "<b>x</b>" * 1001)
    assert "shown as" not in draw("html", "<b>x</b>" * 1001)


def test_what_comes_with_every_submission_is_drawn_once(monkeypatch):
    drawn = []
    monkeypatch.setitem(drawing.DRAWERS, "markdown", lambda text, **more: drawn.append(text) or text)
    for _ in range(3):
        begin_page()
        assert [draw("markdown", text, attachments={}) for text in ("a", "b")] == ["a", "b"]
    assert drawn == ["a", "b"]
    draw("markdown", "a", attachments={"plot.png": {"image/png": "AAAA"}})
    assert len(drawn) == 2  # what is attached belongs to this page alone, and goes to the other process
