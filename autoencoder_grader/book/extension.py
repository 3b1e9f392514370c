"""A Sphinx extension with what the book needs beside ready-made ones.

Formulas become MathML, which browsers draw by themselves: no script, no font, nothing to fetch, and screen readers read
it. Links to folders of the repository, which have no page in the book, become plain text.
"""

from __future__ import annotations

import re
from pathlib import Path

from autoencoder_helpers.images.cache import file_sha256
from docutils import nodes
from latex2mathml.converter import convert
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

_FUNCTION = re.compile(
    r"(?P<factor></(?:mi|mn|msub|msup|msubsup|mfrac|mrow)>|&#x00029;</mo>|&#x02202;</mo>)?"
    r"<(?P<tag>m[io])>(?P<name>[a-z]{2,})</(?P=tag)>"
    r"(?P<argument>(?!(?:<mrow>)?<mo [^>]*>&#x00028;|</))?"
)
#: A formula in a line with more signs of TeX than this may be wider than a phone.
_WIDE = 60
_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict:
    """Register all of it; Sphinx calls this."""
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    # Sphinx writes all pages again when a setting has changed, but not when we write formulas in another way.
    app.add_config_value("book_extension_sha256", file_sha256(Path(__file__)), "html")
    app.connect("doctree-read", _show_folders_as_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(formula: str, display: str) -> str:
    """Return a TeX formula as a MathML element. display: "inline" or "block".

    Raises ValueError for a formula that is not understood, or not wholly.
    """
    try:
        element = convert(formula, display=display)
    except Exception as error:  # its errors have no common base
        raise ValueError(f"{type(error).__name__} {error}".strip()) from error
    if ">\\" in element:  # a command that it does not know stays as it is
        raise ValueError("a command that is not known")
    # The converter has it as a name, which gets no space around it.
    element = element.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")
    return _FUNCTION.sub(_spaced, element)


def _spaced(function: re.Match) -> str:
    """A function's name with thin spaces where TeX puts them: after a factor, and before all but a parenthesis."""
    before, after = ((side is not None and "0.17em") or "0" for side in (function["factor"], function["argument"]))
    name = f'<mo lspace="{before}" rspace="{after}">{function["name"]}</mo>'
    return f"{function['factor'] or ''}{name}"


def _visit_math(translator, node):
    _write(translator, node, "inline")


def _visit_math_block(translator, node):
    _write(translator, node, "block")


def _write(translator, node, display):
    formula = node.astext()
    try:
        element = mathml(formula, display)
    except ValueError as error:
        _log.warning("the formula %r cannot be shown: %s", formula, error, location=node)
        raise nodes.SkipNode from error
    # Only a box can be scrolled where a formula is wider than a phone; and only what has the focus, by keyboard.
    tag = "div" if display == "block" else "span"
    if display == "block" or len(formula) > _WIDE:
        element = f'<{tag} class="math" tabindex="0" role="group" aria-label="formula">{element}</{tag}>'
    translator.body.append(element)
    raise nodes.SkipNode


def _show_folders_as_text(app, doctree):
    """Take the link off what names a folder of the repository: there is no page to open."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(doctree.findall(addnodes.pending_xref)):
        is_link = node["reftype"] == "myst" and not node.get("refdomain")
        if is_link and (here / node["reftarget"]).is_dir():
            node.replace_self(node.children)
