"""HTML of a learner's that does nothing to whoever looks at it, and nothing to the page that it stands in.

Formgrader finds the buttons and boxes of a cell by ids and classes: so none of a learner's reaches a page, and neither
does a style that could lay a text of theirs over a button.
"""

from __future__ import annotations

import re

import bleach
import tinycss2
from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, CSSSanitizer
from bleach.html5lib_shim import Filter

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
#: Functions that a style may use. Others fetch something: `url`, `image-set`, and what browsers will learn.
_FUNCTIONS = frozenset(["calc", "clamp", "hsl", "hsla", "max", "min", "rgb", "rgba", "var"])
#: What the cards and bars of the course are. A learner's text is no button, no dialog, no message of the page.
_ROLES = frozenset(["group", "img"])
#: Tags in tags of one text, at most. What builds a page of them, and browsers, go down into each.
_DEEPEST = 100
#: Around what a learner's text becomes: whatever its styles say, it shows within this box and never over a neighbour's.
_BOX = '<div style="contain: content">{}</div>'
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
#: Whole addresses alone. A relative one would lead to a file of the learner's, served from the instructor's server.
_LINK = re.compile(r"(?:https?://\w|mailto:)", re.IGNORECASE)


#: What stands in the place of a picture that nobody has described, for who cannot see it.
NOT_DESCRIBED = "No description has been provided for this image"


class _FetchesNothing(CSSSanitizer):
    """Leaves out of a style what would have a browser ask for a file: it would tell who looks, and could be a request."""

    def sanitize_css(self, style):
        """The style without what is not allowed."""
        parts = tinycss2.parse_declaration_list(style)
        kept = [
            part
            for part in parts
            if part.type in ("comment", "whitespace") or (part.type == "declaration" and not _fetches(part.value))
        ]
        return super().sanitize_css(tinycss2.serialize(kept))


def _fetches(value) -> bool:
    """Whether the value of a style holds an address, or a function that may."""
    for part in value:
        if part.type == "url" or (part.type == "function" and part.lower_name not in _FUNCTIONS):
            return True
        inner = getattr(part, "arguments", None) or getattr(part, "content", None)
        if isinstance(inner, list) and _fetches(inner):
            return True
    return False


class _Described(Filter):
    """Gives each picture a text in its place."""

    def __iter__(self):
        for token in super().__iter__():
            if token["type"] in ("StartTag", "EmptyTag") and token["name"] == "img":
                token["data"].setdefault((None, "alt"), NOT_DESCRIBED)
            yield token


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
    css_sanitizer=_FetchesNothing(allowed_css_properties=_STYLES),
    filters=[_Shallow, _Described],
)


def _is_harmless_attribute(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and bool(_LINK.match(value.strip()))
    if name == "src":  # no picture from elsewhere: its address would tell who looks, and could be a request
        return tag == "img" and bool(_PICTURE.fullmatch(value.strip()))
    if name == "role":
        return value in _ROLES
    return name in _EVERYWHERE


def harmless_html(html: str) -> str:
    """The HTML without scripts, or anything else that acts on whoever looks at it, or on the page that it stands in."""
    return _CLEANER.clean(html)


def boxed(html: str) -> str:
    """Harmless HTML in a box that it cannot show outside of."""
    return _BOX.format(html)
