"""Takes the sting out of what comes from a learner's process before people and browsers see it.

A feedback page, and formgrader's page of a submission, are opened by instructors: a script in them could act in an
instructor's name, for instance change points. So texts lose control characters, and HTML keeps only what it needs to
show tables, pictures and the check's cards: see `harmless_html`.
"""

from __future__ import annotations

from dataclasses import replace

from autoencoder_grader.nbgrader_steps.drawing import Drawn, draw
from autoencoder_helpers.checks.result import CheckResult

#: Kinds of output that are kept; each is text. Others (JavaScript, SVG, widgets) can hold code, or need some to be seen.
KINDS = ("text/plain", "text/html", "image/png", "image/jpeg")


def harmless_text(text: str) -> str:
    """The text without control characters and halves of characters, which terminals and files stumble over."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def quoted(text: str, most: int = 200) -> str:
    """What a learner's process said, in one line and in quotation marks that it cannot leave: it is not ours."""
    # Of millions of letters no more is looked at than may be shown.
    line = " ".join(harmless_text(text[: 100 * most]).split()).replace("\N{RIGHT DOUBLE QUOTATION MARK}", "'")
    return (
        f"\N{LEFT DOUBLE QUOTATION MARK}{line[:most]}{'…' if len(line) > most else ''}\N{RIGHT DOUBLE QUOTATION MARK}"
    )


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
            data["text/html"] = draw("html", data["text/html"])
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
    """The HTML that a cell's markdown became, made harmless: takes the place of nbconvert's last filter for it.

    In courses whose settings name no more of our filters than this one; others draw it harmless in the first place.
    """
    return html if isinstance(html, Drawn) else draw("html", html)


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
