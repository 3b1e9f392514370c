"""Feedback pages: the same as nbconvert's own, with templates that are compiled once."""

import jinja2
import nbformat
import pytest
from autoencoder_grader.nbgrader_steps import harmless_page
from autoencoder_grader.nbgrader_steps.feedback_page import FeedbackExporter
from autoencoder_grader.nbgrader_steps.harmless_html import NOT_DESCRIBED
from autoencoder_grader.nbgrader_steps.harmless_page import FILTERS, HarmlessPage
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter, TemplateExporter


def test_a_second_page_compiles_no_template_and_pages_are_nbconverts(monkeypatch):
    v4 = nbformat.v4
    picture = {"image/png": "iVBORw0KGgo="}
    shown = [
        v4.new_output("display_data", data=picture),
        v4.new_output("display_data", data=picture, metadata={"image/png": {"alt": "a plot", "width": 3}}),
        v4.new_output(
            "display_data", data={"text/html": '<p>one<img src="data:image/png;base64,iVBORw0KGgo=">two</p>'}
        ),
        v4.new_output("stream", text="1 < 2 & \x1b[31mred\x1b[0m"),
    ]
    cells = [
        v4.new_markdown_cell("# Title &amp; <img src='data:image/png;base64,iVBORw0KGgo='>", id="one"),
        v4.new_code_cell("print(1)", id="two", outputs=shown),
        v4.new_code_cell("plot()", id="three", outputs=shown[:1], metadata={"alt": "the cell's own"}),
    ]
    notebook = v4.new_notebook(cells=cells)
    first, _ = FeedbackExporter(template_name="classic").from_notebook_node(notebook)
    compiled = []
    compile_ = jinja2.Environment.compile

    def counted(self, source, name=None, *arguments, **settings):
        compiled.append(name)
        return compile_(self, source, name, *arguments, **settings)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    second, _ = FeedbackExporter(template_name="classic").from_notebook_node(notebook)
    assert not compiled and first == second
    own = HTMLExporter(template_name="classic", filters=FILTERS, preprocessors=[HarmlessPage])
    theirs, _ = own.from_notebook_node(notebook)
    # They have read the whole page and written it again, in other words for the same.
    assert str(BeautifulSoup(first, "html.parser")) == str(BeautifulSoup(theirs, "html.parser"))


def test_each_picture_has_a_text_in_its_place():
    v4 = nbformat.v4
    source = "data:image/png;base64,iVBORw0KGgo="
    shown = [
        v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="}),
        v4.new_output("display_data", data={"text/html": f'<img src="{source}"><img src="{source}" alt="one">'}),
    ]
    cells = [v4.new_markdown_cell(f'<img src="{source}">'), v4.new_code_cell("plot()", outputs=shown)]
    page, _ = FeedbackExporter(template_name="classic").from_notebook_node(v4.new_notebook(cells=cells))
    texts = [picture.get("alt") for picture in BeautifulSoup(page, "html.parser").select("img")]
    assert texts == [NOT_DESCRIBED, NOT_DESCRIBED, NOT_DESCRIBED, "one"]


def page_of(*cells):
    page, resources = FeedbackExporter(template_name="classic").from_notebook_node(
        nbformat.v4.new_notebook(cells=[*cells])
    )
    assert resources["output_extension"] == ".html"
    return BeautifulSoup(page[page.index("<body") :], "html.parser").text


@pytest.mark.parametrize(
    "text",
    [
        "![plot](attachment:plot.png) and more",
        "![plot](attachment:) and more",
        "```no-such-language\nand more\n```",
        "```ipython3 and more\nand more\n```",
        "and more $\\begin{a}",
        "<table><tr><math><mi><style> and more",
        "and more " + "<b>" * 600,
        "and more " + "[" * 3000,
    ],
)
def test_odd_texts_are_drawn(text):
    v4 = nbformat.v4
    assert "and more" in page_of(v4.new_markdown_cell(text), v4.new_markdown_cell("and", attachments={"x.png": {}}))


def test_an_attached_picture_is_shown_and_one_that_may_hold_script_is_not():
    v4 = nbformat.v4
    attached = {"a.png": {"image/png": "iVBORw0KGgo="}, "b.svg": {"image/svg+xml": "PHN2Zz4="}}
    cell = v4.new_markdown_cell("![one](attachment:a.png) ![two](attachment:b.svg)", attachments=attached)
    page, _ = FeedbackExporter(template_name="classic").from_notebook_node(v4.new_notebook(cells=[cell]))
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in page and "svg+xml;" not in page
    assert "no picture b.svg is attached" in page


def test_where_the_page_cannot_be_drawn_a_plainer_one_has_all_of_it_and_says_so(monkeypatch):
    def fails(*_):
        raise RecursionError("deep")

    monkeypatch.setattr(TemplateExporter, "from_notebook_node", fails)
    v4 = nbformat.v4
    marks = {"nbgrader": {"grade": True, "grade_id": "dense-data", "score": 1.5, "points": 2, "comment": "well"}}
    shown = [v4.new_output("stream", text="printed <script>"), v4.new_output("error", ename="E", evalue="e")]
    text = page_of(v4.new_markdown_cell("# words"), v4.new_code_cell("code()", metadata=marks, outputs=shown))
    assert "plainer than usual" in text and "RecursionError" in text
    assert all(
        part in text for part in ("# words", "code()", "printed <script>", "dense-data (Score: 1.5 / 2)", "well")
    )


def test_a_fault_of_the_machine_is_no_plainer_page(monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TemplateExporter, "from_notebook_node", fails)
    with pytest.raises(OSError, match="No space left"):
        page_of()


def test_more_cells_and_outputs_than_a_page_can_hold_are_left_out_and_it_says_so(monkeypatch):
    monkeypatch.setattr(harmless_page, "MOST_CELLS", 2)
    monkeypatch.setattr(harmless_page, "MOST_OUTPUTS", 3)
    v4 = nbformat.v4
    shown = [v4.new_output("stream", text=f"line {number}\n") for number in range(9)]
    for number, output in enumerate(shown):
        output.name = ("stdout", "stderr")[number % 2]
    marks = {"nbgrader": {"grade_id": "dense-data", "solution": True}}
    cells = [v4.new_markdown_cell(f"cell {number}") for number in range(5)]
    text = page_of(v4.new_code_cell("1", outputs=shown), *cells, v4.new_markdown_cell("answer", metadata=marks))
    assert "line 1" in text and "line 8" in text and "line 2" not in text and "[6 outputs are not shown]" in text
    assert "cell 0" in text and "cell 1" not in text and "answer" in text and "[4 further cells are not shown]" in text
