"""Writes feedback pages as nbgrader does, with templates that are compiled once in a process and not for each page.

No points depend on whether a page can be drawn: where nbconvert fails, a plainer one takes its place, and says so.
"""

from __future__ import annotations

import copy
from html import escape

from autoencoder_grader.nbgrader_steps.drawing import begin_page, draw
from autoencoder_grader.nbgrader_steps.harmless_page import FILTERS, HarmlessPage
from jinja2 import BytecodeCache
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from sqlalchemy.exc import SQLAlchemyError


class _InMemory(BytecodeCache):
    """Keeps compiled templates. A changed template has another checksum, and is compiled anew."""

    def __init__(self):
        self._compiled: dict[str, tuple[str, bytes]] = {}

    def load_bytecode(self, bucket):
        """Fill the bucket if its template was compiled before."""
        checksum, code = self._compiled.get(bucket.key, ("", b""))
        if checksum == bucket.checksum:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket):
        """Keep a template that was just compiled."""
        self._compiled[bucket.key] = bucket.checksum, bucket.bytecode_to_string()


_compiled = _InMemory()


class FeedbackExporter(HTMLExporter):
    """nbconvert's exporter; settings of HTMLExporter hold for it, too."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.filters = {**FILTERS, **self.filters}  # settings of before name but one
        if HarmlessPage not in self.preprocessors:
            self.register_preprocessor(HarmlessPage, enabled=True)

    def from_notebook_node(self, nb, resources=None, **settings):
        """The page of a notebook, plainer where the usual one cannot be drawn. Raises what is the machine's fault."""
        given = copy.deepcopy(resources)
        try:
            return self._usual_page(nb, resources, **settings)
        except (OSError, SQLAlchemyError):
            raise
        except Exception as error:  # noqa: BLE001 - a text of a stranger is drawn by the code of others
            self.log.warning("the page is a plainer one: %s", type(error).__name__)
            # GetGrades among others: scores and comments.
            nb, resources = self._preprocess(nb, self._init_resources(given))
            resources["output_extension"] = self.file_extension
            return _plain_page(nb, resources.get("nbgrader", {}), type(error).__name__), resources

    def _usual_page(self, nb, resources, **settings):
        """As the base class, which would then read the whole page once more for what is in it from the beginning.

        It looks for pictures without a text in their place, which HarmlessPage has given one, and for parts of
        JupyterLab's pages, which this is none of. That took half of a page's time.
        """
        resources = self._init_resources(resources)
        told = {"notebook_metadata": self._nb_metadata, "parent": self, "resources": resources}
        self.register_filter("highlight_code", self.filters["highlight_code"])
        self.register_filter("filter_data_type", WidgetsDataTypeFilter(**told))
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **settings)

    def _validate_preprocessor(self, nbc, preprocessor):
        if preprocessor.enabled:  # of two dozen, most do nothing
            super()._validate_preprocessor(nbc, preprocessor)

    def _create_environment(self):
        environment = super()._create_environment()
        environment.bytecode_cache = _compiled
        return environment


def _plain_page(nb, facts: dict, why: str) -> str:
    """All that the usual page says, one below the other."""
    begin_page()
    title = f"{facts.get('notebook', '')} (Score: {_points(facts.get('score'))} / {_points(facts.get('max_score'))})"
    parts = [
        f"<h1>{escape(title)}</h1><p>This page is plainer than usual, which could not be drawn ({escape(why)}).</p>"
    ]
    for cell in nb.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("grade"):
            score = f"{_points(marks.get('score'))} / {_points(marks.get('points'))}"
            parts.append(f"<h2>{escape(str(marks.get('grade_id')))} (Score: {score})</h2>")
        parts.append(draw("code" if cell.cell_type == "code" else "terminal", cell.source).join(("<pre>", "</pre>")))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                parts.append(draw("html", data["text/html"]))
            else:
                text = data.get("text/plain") or output.get("text") or "\n".join(output.get("traceback", []))
                parts.append(draw("terminal", text).join(("<pre>", "</pre>")))
        if marks.get("comment"):
            parts.append(f"<p>Comment: {escape(str(marks['comment']))}</p>")
    return f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>{"".join(parts)}</body></html>'


def _points(value) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else "?"
