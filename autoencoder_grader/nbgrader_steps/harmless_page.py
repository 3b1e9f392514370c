"""Makes a graded notebook ready to be shown: an nbconvert preprocessor, for formgrader's page and the feedback page.

What a learner's process sent was made harmless when it came. This is done again with whatever the notebook holds when
somebody looks at it: it may have been graded by an earlier version, and it is a file that others may have written.
"""

from __future__ import annotations

import re
from html import escape

from autoencoder_grader.nbgrader_steps.harmless import KINDS, boxed, harmless_html, harmless_metadata
from nbconvert.preprocessors import Preprocessor

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class HarmlessPage(Preprocessor):
    """Leaves nothing in a notebook that the page's own scripts or styles could take for theirs."""

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
            cell.source = f"<pre>{escape(cell.source)}</pre>"
        if cell.cell_type == "code":
            if type(cell.get("execution_count")) is not int:
                cell.execution_count = None
            for output in cell.outputs:
                _make_harmless(output)
        return cell, resources


def _make_harmless(output) -> None:
    """Leave of an output what is shown: text, pictures, and HTML that stays in its place."""
    data = output.get("data")
    if data is None:
        return
    output.data = {kind: data[kind] for kind in KINDS if isinstance(data.get(kind), str)}
    if "text/html" in output.data:
        output.data["text/html"] = boxed(harmless_html(output.data["text/html"]))
    output.metadata = harmless_metadata(output.get("metadata"))  # no frame of its own, no picture from a file
