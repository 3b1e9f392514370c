"""A button for each choice: imported only where ipywidgets is there and somebody can press one."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets
from autoencoder_helpers.guesses.cards import NEUTRAL
from IPython.display import display

_VIEW = "application/vnd.jupyter.widget-view+json"


class Buttons:
    """The choices as buttons, and a line below that says what has become of them.

    choose: takes the choice that was pressed; returns what `show` takes.
    """

    def __init__(self, choices: tuple[str, ...], choose: Callable[[str], tuple[str, str, bool]]):
        self._choices, self._choose = choices, choose
        looks = {"width": "auto", "max_width": "100%", "margin": "2px 6px 2px 0"}
        self._buttons = [widgets.Button(layout=widgets.Layout(**looks), tooltip=text) for text in choices]
        for button, text in zip(self._buttons, choices, strict=True):
            button.on_click(lambda _, text=text: self.press(text))
        self._line = widgets.HTML()
        row = widgets.HBox(self._buttons, layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox([row, self._line])
        self.show("", "", True)

    def press(self, text: str) -> None:
        """Take a choice, as a press of its button does."""
        self.show(*self._choose(text))

    def show(self, chosen: str, said: str, may_change: bool) -> None:
        """Mark the choice that is kept, and say a line."""
        for number, (button, text) in enumerate(zip(self._buttons, self._choices, strict=True), 1):
            button.description = f"{'✓' if text == chosen else number} · {text}"
            # No colour of the widgets' own: white on their light blue is hard to read.
            button.style.font_weight = "bold" if text == chosen else "normal"
            button.layout.border = f"2px solid {NEUTRAL if text == chosen else 'transparent'}"
            button.disabled = not may_change
        self._line.value = f'<div role="status" style="color:var(--jp-ui-font-color1, inherit)">{escape(said)}</div>'

    def display(self, page: str, plain: str) -> None:
        """Display it. page, plain: the choices as HTML and as text, for whoever cannot show widgets."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        display({_VIEW: view, "text/html": page, "text/plain": plain}, raw=True)
