"""What a learner's process sends cannot act on whoever looks at it."""

import re
from pathlib import Path

import pytest
from autoencoder_grader.nbgrader_steps.harmless import (
    harmless_content,
    harmless_outputs,
    harmless_result,
    harmless_text,
    quoted,
)
from autoencoder_grader.nbgrader_steps.harmless_html import harmless_html
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.outcome import card_output
from autoencoder_helpers.checks.result import CheckResult, StepResult, card
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.converters import GenerateFeedback

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jav&#x09;ascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action=/formgrader/api><input autofocus onfocus=alert(1)></form>",
    "<style>@import 'x'</style>",
    "<div style='position:fixed;background:url(https://example.org)'>x</div>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
]


@pytest.mark.parametrize("html", SCRIPTS)
def test_html_that_acts_is_taken_away(html):
    clean = harmless_html(html)
    assert not any(f"<{tag}" in clean for tag in ("script", "svg", "iframe", "form", "input", "style", "math"))
    # What is left of an attribute is text between tags.
    tags = "".join(part.partition(">")[0] for part in clean.split("<")[1:])
    assert "javascript" not in tags and "alert" not in tags and "position" not in tags and "url" not in tags


def test_cards_and_pictures_look_as_before():
    step = StepResult("It is 4", False, 0, 1, expected="4", found="3", look="the factor", mistake="factor")
    shown = card(CheckResult("tiny.double", "It doubles", 1, 2, (step,)))
    clean = harmless_html(shown)
    assert clean.count("style=") == shown.count("style=") and clean.count("aria-label") == shown.count("aria-label")
    assert clean.replace(";", "") == shown.replace(";", "")
    picture = '<img alt="a &amp; b" width="40" height="30" src="data:image/png;base64,iVBORw0KGgo=">'
    assert all(
        part in harmless_html(picture) for part in ("width", "height", "data:image/png;base64,iVBORw0KGgo=", "alt")
    )
    assert harmless_html("<details><summary>Hint</summary>x</details>") == "<details><summary>Hint</summary>x</details>"


def test_a_page_made_of_a_learners_notebook_holds_no_script():
    """Through nbgrader's own template, with the course's settings: markdown, outputs, and texts of the checks."""
    hostile = "".join(SCRIPTS)
    step = StepResult(hostile, False, 0, 1, expected=hostile, found=hostile, look=hostile, mistake="x")
    data = {
        "text/html": hostile,
        "text/plain": hostile,
        "application/javascript": "alert(1)",
        "image/svg+xml": "<svg>",
    }
    content = harmless_content("display_data", {"data": data, "metadata": {"text/html": {"isolated": True}}})
    content.pop("transient")
    outputs = [
        new_output("stream", text=hostile),
        new_output("error", ename=hostile, evalue=hostile, traceback=[hostile]),
        *harmless_outputs([new_output("display_data", **content)]),
        card_output(CheckResult("tiny.double", hostile, 0, 1, (step,))),
    ]
    marks = {
        "nbgrader": {
            "grade": True,
            "grade_id": "tiny",
            "solution": True,
            "points": 1,
            "score": 1,
            "comment": hostile,
        }
    }
    cells = [
        new_markdown_cell(hostile + "\n\n[link](javascript:alert(1)) ![x](javascript:alert(1))"),
        new_markdown_cell(hostile, metadata=marks),
        new_code_cell(hostile, outputs=outputs),
    ]
    api = open_api(REPOSITORY)
    exporter = HTMLExporter(config=GenerateFeedback(coursedir=api.coursedir, config=api.config).config)
    assert exporter.mathjax_url.endswith(",Safe"), "formulas can give names, too"
    resources = {"nbgrader": {"notebook": "tiny", "score": 0, "max_score": 1, "late_penalty": 0}}
    page, _ = exporter.from_notebook_node(new_notebook(cells=cells), resources=resources)
    body = BeautifulSoup(page[page.index("<body") :], "html.parser")
    for tag in body.find_all(True):
        assert tag.name not in {
            "script",
            "svg",
            "iframe",
            "form",
            "input",
            "style",
            "math",
            "object",
            "embed",
            "base",
        }
        assert not any(name.startswith("on") for name in tag.attrs), tag
        for address in (tag.get("href", ""), tag.get("src", "")):
            assert address.startswith(("#", "data:image/png", "http")) or not address, tag
    boxes = body.find_all(style=re.compile("contain: content"))
    attributes = {name for box in boxes for tag in box.find_all(True) for name in tag.attrs}
    assert len(boxes) >= 4 and attributes <= {"style", "href", "src", "alt", "aria-label", "role"}
    assert body.text.count("alert(1)") > 10, "the texts themselves are still shown"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {"name": "stdout", "text": {"a": 1}}),
        ("stream", {"name": 7, "text": "x"}),
        ("error", {"ename": [], "evalue": {}, "traceback": "x"}),
        ("error", {"ename": "E", "evalue": "e", "traceback": [1]}),
        ("display_data", {"data": [], "metadata": 3}),
        ("execute_result", {}),
    ],
)
def test_what_is_no_output_is_left_out(kind, content):
    assert harmless_content(kind, content) is None


def test_of_an_output_only_what_is_shown_is_kept():
    about = {
        "image/png": {"width": 3, "height": "x", "alt": "a\ud800", "filenames": []},
        "filenames": {"image/png": "/x"},
    }
    content = {
        "data": {"text/plain": "x\ud800", "text/html": 5, "application/json": {}, "image/png": "AAAA"},
        "metadata": about,
        "transient": {"display_id": ["x"]},
        "execution_count": {},
    }
    assert harmless_content("execute_result", content) == {
        "data": {"text/plain": "x?", "image/png": "AAAA"},
        "metadata": {"image/png": {"width": 3, "alt": "a?"}},
        "transient": {},
        "execution_count": None,
    }


def test_texts_lose_what_terminals_and_files_stumble_over():
    assert harmless_text("a\x1b[2J\ud800\u202e\x00b\n\tü✓") == "a�[2J���b\n\tü✓"
    step = StepResult("t", False, 0, 1, expected="\ud800", found="\x1b", look="\x00", mistake="\x07")
    clean = harmless_result(CheckResult("n", "t", 0, 1, (step,))).steps[0]
    assert {clean.expected, clean.found, clean.look, clean.mistake} == {"�"}


def test_no_name_of_a_learner_stays():
    html = (
        '<h1 id="a" class="score" name="b">t</h1><i role="button" aria-labelledby="c" data-toggle="d" for="e">i</i>'
        '<a href="#dense-data">in</a><a href="evil.html">rel</a><a href="http:evil.html">rel</a><a href="//x/y">rel</a>'
        '<a href="https://example.org/a">out</a><p role="group" aria-label="words">p</p>'
    )
    assert harmless_html(html) == (
        "<h1>t</h1><i>i</i><a>in</a><a>rel</a><a>rel</a><a>rel</a>"
        '<a href="https://example.org/a">out</a><p role="group" aria-label="words">p</p>'
    )


@pytest.mark.parametrize(
    "style",
    [
        "list-style:url(https://example.org/who)",
        "cursor:url(../../logout),auto",
        "border:\\75rl(x)",
        "white-space:image-set('x' 1x)",
        "color:var(--x, url(x))",
        "font:{url('x')}",
        "margin:src(x)",
    ],
)
def test_no_style_has_a_browser_ask_for_a_file(style):
    clean = harmless_html(f'<p style="{style};color:rgb(1, 2, 3)">x</p>')
    assert clean == '<p style="color:rgb(1, 2, 3);">x</p>'


def test_tags_in_tags_without_end_become_shallow():
    assert harmless_html("<b>" * 500 + "x" + "</b>" * 500).count("<b>") == 100
    assert harmless_html("<i>" * 101 + "x</i>y").endswith("xy" + "</i>" * 100)


def test_what_a_learner_says_stays_in_its_quotation_marks():
    assert quoted("x\ny\x1b[2J") == "“x y�[2J”"
    assert quoted("fine” as we said: all is well “") == "“fine' as we said: all is well “”"
    assert quoted("x" * 300) == "“" + "x" * 200 + "…”"
