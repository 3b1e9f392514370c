"""Makes a graded notebook ready to be shown: a preprocessor and filters of nbconvert's, for formgrader and for feedback.

What a learner's process sent was made harmless when it came. This is done again with whatever the notebook holds when
somebody looks at it: it may have been graded by an earlier version, and it is a file that others may have written.
"""

from __future__ import annotations

import re
from html import escape

from autoencoder_grader.nbgrader_steps.drawing import MOST_PLAIN, Drawn, begin_page, draw
from autoencoder_grader.nbgrader_steps.harmless import KINDS, harmless_markdown, harmless_metadata
from autoencoder_grader.nbgrader_steps.harmless_html import NOT_DESCRIBED
from jinja2 import pass_context
from nbconvert.preprocessors import Preprocessor
from nbformat.v4 import new_markdown_cell, new_output

#: Cells of a page, outputs of one cell, and characters of the pictures attached to one, at most.
MOST_CELLS, MOST_OUTPUTS, MOST_ATTACHED = 2_000, 1_000, 8_000_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class HarmlessPage(Preprocessor):
    """Leaves nothing in a notebook that the page's own scripts or styles could take for theirs, nor more than it can show."""

    def preprocess(self, nb, resources):
        """Make all cells harmless."""
        begin_page()
        rest = nb.cells[MOST_CELLS:]
        if rest:
            graded = [cell for cell in rest if "nbgrader" in cell.metadata]
            told = new_markdown_cell(f"[{len(rest) - len(graded):,} further cells are not shown]")
            nb.cells = [*nb.cells[:MOST_CELLS], told, *graded]
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, cell_index):
        """Make one cell harmless."""
        # Tags become classes of the page, the language of a cell's magic a name of a lexer.
        marks, alt = cell.metadata.get("nbgrader"), cell.metadata.get("alt")
        cell.metadata = {
            **({"nbgrader": marks} if isinstance(marks, dict) else {}),
            **({"alt": alt} if isinstance(alt, str) else {}),
        }
        if not (isinstance(cell.get("id"), str) and _ID.fullmatch(cell.id)):
            cell.id = f"cell-{cell_index}"
        if cell.cell_type == "raw":  # it is shown as the HTML that it may be
            cell.source = f"<pre>{escape(cell.source[:MOST_PLAIN])}</pre>"
        if cell.cell_type == "code":
            if type(cell.get("execution_count")) is not int:
                cell.execution_count = None
            more = len(cell.outputs) - MOST_OUTPUTS
            if more > 0:  # the last of a graded cell is its card
                told = new_output("stream", text=f"[{more:,} outputs are not shown]\n")
                cell.outputs = [*cell.outputs[: MOST_OUTPUTS - 1], told, cell.outputs[-1]]
            for output in cell.outputs:
                _make_harmless(output, cell.metadata.get("alt") or NOT_DESCRIBED)
        return cell, resources


def _make_harmless(output, alt: str) -> None:
    """Leave of an output what is shown: text, pictures, and HTML that stays in its place.

    alt: stands in the place of a picture that brings no text of its own.
    """
    data = output.get("data")
    if data is None:
        return
    output.data = {kind: data[kind] for kind in KINDS if isinstance(data.get(kind), str)}
    if "text/html" in output.data:
        output.data["text/html"] = draw("html", output.data["text/html"])
    output.metadata = harmless_metadata(output.get("metadata"))  # no frame of its own, no picture from a file
    for kind in ("image/png", "image/jpeg"):
        if kind in output.data:
            about = output.metadata.setdefault(kind, {})
            about["alt"] = about.get("alt") or alt


@pass_context
def _markdown(context, source) -> Drawn:
    attached = context.get("cell", {}).get("attachments", {})
    if "attachment:" not in source or sum(len(str(picture)) for picture in attached.values()) > MOST_ATTACHED:
        attached = {}
    return draw("markdown", source, attachments=attached)


def _code(source, language=None, metadata=None) -> Drawn:
    return draw("code", source)


def _terminal(text) -> Drawn:
    return draw("terminal", text)


#: In the place of nbconvert's own, which know no bounds and fail for some texts.
FILTERS = {
    "markdown2html": _markdown,
    "strip_files_prefix": harmless_markdown,
    "highlight_code": _code,
    "ansi2html": _terminal,
}
