"""Formgrader's page of a submission, where the server of MathJax cannot be reached: without it, formulas stay as written.

Its script asks MathJax when all formulas are drawn, and only then knows its keys, its help and which field comes next.
Without MathJax that line fails, and with it all that follows.
"""

from __future__ import annotations

import sys

_BASE = "nbgrader.server_extensions.formgrader.base"
_BEHIND = "<!-- End of mathjax configuration -->"  # nbconvert's own mark
_STAND_IN = """<script>
if (!window.MathJax || !MathJax.Hub) {
  window.MathJax = {Hub: {Config() {}, Queue() {}, Startup: {signal: {Interest(told) { told("End"); }}}}};
}
</script>
"""


class _Exporter:
    """An exporter whose pages do without MathJax."""

    def __init__(self, exporter):
        self._exporter = exporter

    def from_filename(self, *arguments, **settings):
        html, resources = self._exporter.from_filename(*arguments, **settings)
        return html.replace(_BEHIND, _STAND_IN + _BEHIND, 1), resources


def do_without_mathjax() -> None:
    """In a server with formgrader: let its pages work without the network. Elsewhere nothing."""
    base = sys.modules.get(_BASE)
    if base is not None and not hasattr(base.BaseHandler, "_exporter_of_nbgrader"):
        base.BaseHandler._exporter_of_nbgrader = base.BaseHandler.exporter
        base.BaseHandler.exporter = property(lambda handler: _Exporter(handler._exporter_of_nbgrader))
