"""Writes the table of all checks into points.md, read from the rules:

    .venv/bin/python docs/list_points.py

A test does it again and compares.
"""

import ast
import inspect
import re
from pathlib import Path

from autoencoder_helpers.checks import catalogue

PAGE = Path(__file__).resolve().parent / "points.md"
_SHARES = {0.25: "¼", 0.5: "½", 1.0: "1", 1.5: "1½", 2.0: "2"}


def parts(rule):
    """The steps of a rule that give points, in order: (title, points, whether the rule ends where it fails)."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(rule.examine)))
    function = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == rule.examine.__name__
    )
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.With) and ast.unparse(node.items[0].context_expr.func) == "step":
            call = node.items[0].context_expr
            options = {option.arg: ast.literal_eval(option.value) for option in call.keywords}
            if options.get("points"):
                title = ast.literal_eval(call.args[0])
                found.append((node.lineno, title, options["points"], options.get("stop", True)))
    return [part for _, *part in sorted(found)]


def table() -> str:
    """The table of all checks, in the order of the notebooks."""
    lines = ["| check | points | what for |", "| --- | --- | --- |"]
    for name, rule in catalogue().items():
        steps = parts(rule)
        whats = []
        for number, (title, points, ends) in enumerate(steps, start=1):
            alone = f" {_SHARES[points]}" if len(steps) > 1 else ""
            needed = ", and without it nothing that follows" if ends and number < len(steps) else ""
            whats.append(f"{title}:{alone}{needed}" if alone else title)
        lines.append(f"| `{name}` | {rule.points:g} | {'; '.join(whats)} |".replace(" | |", " | "))
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with its table as the rules are."""
    return re.sub(
        r"(<!-- the points -->\n\n).*?(\n\n<!-- until here -->)", lambda m: m[1] + table() + m[2], page, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
