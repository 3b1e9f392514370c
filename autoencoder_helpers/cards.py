"""How cards look: what a check says, how far a learner is, what became of a guess."""

import re
from html import escape

#: A sign for each verdict.
SYMBOLS = {"passed": "✓", "partly": "◐", "not yet": "✗"}
#: Okabe-Ito colours, which people with any colour vision can tell apart; the verdict's word and symbol say the same.
COLOURS = {"passed": "#009E73", "partly": "#E69F00", "not yet": "#D55E00"}
# JupyterLab's own variables follow its light and dark theme; elsewhere (feedback pages) the browser's text colour does.
_TEXT = "color:var(--jp-ui-font-color1, inherit)"


def card_frame(colour: str, label: str, body: str) -> str:
    """The frame that all cards have. colour: of its edge. label: for screen readers, plain text. body: HTML."""
    return (
        f'<div role="group" aria-label="{escape(label)}" '
        f'style="border:1px solid {colour};border-left-width:6px;border-radius:4px;padding:8px 12px;'
        f'margin:4px 0;max-width:48em;font-family:var(--jp-ui-font-family, sans-serif);{_TEXT}">{body}</div>'
    )


def marked_up(text: str) -> str:
    """A text as HTML: what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
