"""Feedback pages: the same as nbconvert's own, with templates that are compiled once."""

import jinja2
import nbformat
from autoencoder_grader.nbgrader_steps.feedback_page import FeedbackExporter
from nbconvert.exporters import HTMLExporter


def test_a_second_page_compiles_no_template_and_pages_are_nbconverts(monkeypatch):
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell("# Title", id="one"), v4.new_code_cell("print(1)", id="two")]
    notebook = v4.new_notebook(cells=cells)
    first, _ = FeedbackExporter(template_name="classic").from_notebook_node(notebook)
    compiled = []
    compile_ = jinja2.Environment.compile

    def counted(self, source, name=None, *arguments, **settings):
        compiled.append(name)
        return compile_(self, source, name, *arguments, **settings)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    second, _ = FeedbackExporter(template_name="classic").from_notebook_node(notebook)
    assert not compiled
    assert first == second == HTMLExporter(template_name="classic").from_notebook_node(notebook)[0]
