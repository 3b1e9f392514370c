"""CSV for people and importers who open it in a spreadsheet: no cell of it is run as a formula."""

import csv
import io
import re
from collections.abc import Iterable

# A spreadsheet runs a cell that begins so. A separator inside a text counts as well: set to another one than
# the comma, the program takes what follows it for a cell of its own, and quotation marks at its beginning for no part of
# it. The last four are the wide forms of the first.
_FORMULA = re.compile(r'(^|[;,|])([ "]*)([=+\-@＝＋－＠])')
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def harmless_cell(text: str) -> str:
    """Return a text that a spreadsheet shows and never runs: an apostrophe stands before what would be a
    formula.

    Line breaks and other control characters become blanks, blanks at the ends go. A number stays what it is.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1\2'\3", text)


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Return rows of texts as CSV with commas, quoted where need be; its first row has the columns' names."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
