"""Takes the sting out of what comes from a learner's process before people and browsers see it.

A feedback page, and formgrader's page of a submission, are opened by instructors: a script in them could act in an
instructor's name, for instance change points. So texts lose control characters, and HTML keeps only what it needs to
show tables, pictures and the check's cards.

Nor can a text of theirs be taken for a part of the page around it: formgrader finds the buttons and boxes of a cell by
ids and classes, so none of theirs reaches a page, and neither does a style that could lay it over a button.
"""

from __future__ import annotations

import re
from dataclasses import replace

import bleach
from autoencoder_helpers.checks.result import CheckResult
from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, CSSSanitizer
from bleach.html5lib_shim import Filter
from nbconvert.filters import strip_files_prefix

#: Kinds of output that are kept; each is text. Others (JavaScript, SVG, widgets) can hold code, or need some to be seen.
KINDS = ("text/plain", "text/html", "image/png", "image/jpeg")
_TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "caption",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "progress",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
    ]
)
_EVERYWHERE = frozenset(
    [
        "alt",
        "aria-label",
        "colspan",
        "height",
        "max",
        "open",
        "rowspan",
        "scope",
        "style",
        "title",
        "value",
        "width",
    ]
)
_STYLES = [
    *ALLOWED_CSS_PROPERTIES,
    *(
        "border",
        "border-collapse",
        "border-left",
        "border-left-width",
        "border-radius",
        "border-spacing",
        "display",
    ),
    *(
        "flex",
        "gap",
        "line-height",
        "list-style",
        "margin",
        "margin-bottom",
        "margin-left",
        "margin-right",
        "margin-top",
    ),
    *("max-width", "min-width", "opacity", "padding", "padding-left", "text-align", "white-space"),
]
#: What the cards and bars of the course are. A learner's text is no button, no dialog, no message of the page.
_ROLES = frozenset(["group", "img"])
#: Tags in tags of one text, at most. What builds a page of them, and browsers, go down into each.
_DEEPEST = 100
#: Around what a learner's text becomes: whatever its styles say, it shows within this box and never over a neighbour's.
_BOX = '<div style="contain: content">{}</div>'
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
#: Whole addresses alone. A relative one would lead to a file of the learner's, served from the instructor's server.
_LINK = re.compile(r"(?:https?://\w|mailto:)", re.IGNORECASE)


class _Shallow(Filter):
    """Leaves out tags that lie deeper than `_DEEPEST` in others; what they hold stays."""

    def __iter__(self):
        kept: list[bool] = []
        for token in super().__iter__():
            if token["type"] == "StartTag":
                kept.append(len(kept) < _DEEPEST)
                if not kept[-1]:
                    continue
            elif token["type"] == "EndTag" and kept and not kept.pop():
                continue
            yield token


_CLEANER = bleach.Cleaner(
    tags=_TAGS,
    attributes=lambda tag, name, value: _is_harmless_attribute(tag, name, value),
    protocols=["http", "https", "mailto", "data"],
    css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES),
    filters=[_Shallow],
)


def _is_harmless_attribute(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and bool(_LINK.match(value.strip()))
    if name == "src":  # no picture from elsewhere: its address would tell who looks, and could be a request
        return tag == "img" and bool(_PICTURE.fullmatch(value.strip()))
    if name == "role":
        return value in _ROLES
    return name in _EVERYWHERE


def harmless_text(text: str) -> str:
    """The text without control characters and halves of characters, which terminals and files stumble over."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def harmless_html(html: str) -> str:
    """The HTML without scripts, or anything else that acts on whoever looks at it, or on the page that it stands in."""
    return _CLEANER.clean(html)


def boxed(html: str) -> str:
    """Harmless HTML in a box that it cannot show outside of."""
    return _BOX.format(html)


def harmless_result(result: CheckResult) -> CheckResult:
    """The result with texts that are safe to print; they may quote what a learner's process sent."""
    steps = tuple(
        replace(
            step,
            expected=harmless_text(step.expected),
            found=harmless_text(step.found),
            look=harmless_text(step.look),
            mistake=harmless_text(step.mistake),
        )
        for step in result.steps
    )
    return replace(result, steps=steps)


def harmless_content(kind: str, content: dict) -> dict | None:
    """The content of a kernel's message of an output with nothing but what every reader expects; None if it is none.

    kind: the message's type, such as "stream". HTML is left as it is, since most of it will be replaced by later
    messages: see `harmless_outputs`.
    """
    if kind == "stream":
        name, text = content.get("name"), content.get("text")
        if name not in ("stdout", "stderr") or not isinstance(text, str):
            return None
        return {"name": name, "text": _writable(text)}
    if kind == "error":
        lines = content.get("traceback")
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            return None
        error = {name: content.get(name) for name in ("ename", "evalue")}
        if not all(isinstance(text, str) for text in error.values()):
            return None
        return {name: _writable(text) for name, text in error.items()} | {"traceback": [_writable(x) for x in lines]}
    data = content.get("data")
    if not isinstance(data, dict):
        return None
    kept = {name: _writable(data[name]) for name in KINDS if isinstance(data.get(name), str)}
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    count = content.get("execution_count")
    return {
        "data": kept,
        "metadata": harmless_metadata(content.get("metadata")),
        "transient": {"display_id": name} if isinstance(name, str) else {},
        **({"execution_count": count if type(count) is int else None} if kind == "execute_result" else {}),
    }


def harmless_outputs(outputs: list) -> list:
    """A cell's outputs with harmless HTML."""
    for output in outputs:
        data = output.get("data", {})
        if "text/html" in data:
            data["text/html"] = harmless_html(data["text/html"])
    return outputs


def harmless_metadata(metadata) -> dict:
    """Of an output's metadata the size of its pictures and the text in their place."""
    kept = {}
    for kind in ("image/png", "image/jpeg"):
        about = metadata.get(kind) if isinstance(metadata, dict) else None
        if isinstance(about, dict):
            size = {name: about[name] for name in ("width", "height") if type(about.get(name)) is int}
            alt = {"alt": _writable(about["alt"])} if isinstance(about.get("alt"), str) else {}
            kept[kind] = size | alt
    return kept


def harmless_markdown(html: str) -> str:
    """The HTML that a cell's markdown became, made harmless: takes the place of nbconvert's last filter for it."""
    return boxed(harmless_html(strip_files_prefix(html)))


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
