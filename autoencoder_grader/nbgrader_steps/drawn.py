"""What draws learners' texts, and the process that does it for long ones: `drawing` starts and ends it.

An order is a line of JSON on stdin: the kind, the text, and the seconds of a processor that it may take. The answer is a
line on stdout. When the seconds are over, the system ends this process in the middle of whatever it does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from html import escape

from autoencoder_grader.nbgrader_steps.harmless_html import boxed, harmless_html
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

try:
    import resource
except ImportError:  # Windows
    resource = None

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


class _Renderer(IPythonRenderer):
    """nbconvert's, without names in the page, and with a word in the place of a picture that is not there."""

    def __init__(self, attachments: dict):
        super().__init__(escape=False, exclude_anchor_links=True, attachments=attachments)

    def block_code(self, code, info=None):
        words = (info or "").split()
        try:
            lexer = get_lexer_by_name(words[0]) if words else None
        except ClassNotFound:
            lexer = None
        if lexer is None:
            return f"<pre><code>{escape(code)}</code></pre>\n"
        return highlight(code, lexer, HtmlFormatter(noclasses=True))

    def image(self, text, url, title=None):
        scheme, _, name = url.partition(":")
        if scheme != "attachment":
            return super().image(text, url, title)
        attached = self.attachments.get(name)
        kind = next((kind for kind in _PICTURES if isinstance(attached, dict) and kind in attached), None)
        if kind is None:
            return f"<em>[no picture {escape(name)} is attached]</em>"
        return f'<img src="data:{kind};base64,{escape(str(attached[kind]))}" alt="{escape(text)}">'


def _markdown(text: str, attachments: dict | None = None) -> str:
    return boxed(harmless_html(MarkdownWithMath(renderer=_Renderer(attachments or {})).render(text)))


def _code(text: str, language: str = "ipython3") -> str:
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return highlight(text or " ", lexer, HtmlFormatter(cssclass=" highlight hl-ipython3"))


#: Functions from a text, by what it is, to harmless HTML.
DRAWERS = {
    "markdown": _markdown,
    "code": _code,
    "terminal": lambda text: str(ansi2html(text)),
    "html": lambda text: boxed(harmless_html(text)),
}


def _limit(seconds: float) -> None:
    """From now on this process may take so many seconds of a processor; 0: as many as it likes."""
    if hasattr(signal, "ITIMER_PROF"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Answer orders until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever gives the orders
    if resource:
        most = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    answers = os.fdopen(os.dup(1), "wb")
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        before = time.process_time()
        _limit(order["seconds"])
        try:
            answer = {"html": DRAWERS[order["kind"]](order["text"], **order["more"])}
        except Exception as error:  # noqa: BLE001 - the text is a stranger's, and what draws it others'
            answer = {"error": type(error).__name__}
        _limit(0)
        answer["seconds"] = time.process_time() - before
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
