"""The widgets of the explorer: imported only where ipywidgets and ipyevents are there and somebody can use them."""

from __future__ import annotations

import base64
import io
from html import escape

import ipywidgets as widgets
import numpy as np
from IPython.display import display
from ipyevents import Event
from matplotlib import pyplot as plt
from matplotlib.transforms import Affine2D

from autoencoder_helpers import explorer
from autoencoder_helpers.style import family

_DPI = 200  # sharp where a CSS pixel is two of the screen's
_BETWEEN_FRAMES = 40  # milliseconds; a faster mouse would only queue up
_VIEW = "application/vnd.jupyter.widget-view+json"


class PlaneWidget:
    """A picture of the plane, the decoded image beside it, and a slider for each latent variable below."""

    def __init__(self, decode, axes, start, alt):
        self._decode, self._alt = decode, alt
        figure = axes.figure
        with family():
            figure.set_layout_engine("constrained")
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=_DPI)
            box = axes.get_window_extent()
            width, height = (side * _DPI / figure.dpi for side in (figure.bbox.width, figure.bbox.height))
            box = box.transformed(Affine2D().scale(_DPI / figure.dpi))
            # Where the axes stand in the picture, whose pixels are counted from the top.
            self._left, self._right, self._bottom, self._top = box.x0, box.x1, height - box.y0, height - box.y1
            self._limits = axes.get_xlim(), axes.get_ylim()
        plt.close(figure)
        self._static = buffer.getvalue()
        layout = widgets.Layout(width=f"{width / 2:.0f}px", max_width="100%")
        self._plane = widgets.Image(value=self._static, format="png", layout=layout)
        self._image = _picture()
        self._sliders = [
            widgets.FloatSlider(min=low, max=high, step=(high - low) / 200, value=float(value), description=f"z{i + 1}")
            for i, ((low, high), value) in enumerate(zip(self._limits, start, strict=True))
        ]
        for slider in self._sliders:
            slider.observe(lambda change: self._draw(), names="value")
        self._moving = False
        event = Event(source=self._plane, watched_events=["mousemove", "click"])
        event.wait, event.throttle_or_debounce = _BETWEEN_FRAMES, "throttle"
        event.on_dom_event(self.move)
        right = widgets.VBox([self._image, *self._sliders])
        self.widget = widgets.HBox([self._plane, right], layout=widgets.Layout(flex_flow="row wrap"))
        self._draw()

    def move(self, event: dict) -> None:
        """Decode where the mouse is. event: with dataX and dataY, pixels of the plane's picture."""
        across = (event["dataX"] - self._left) / (self._right - self._left)
        up = (self._bottom - event["dataY"]) / (self._bottom - self._top)
        if not (0 <= across <= 1 and 0 <= up <= 1):
            return
        self._moving = True
        try:
            for slider, share, (low, high) in zip(self._sliders, (across, up), self._limits, strict=True):
                slider.value = low + share * (high - low)
        finally:
            self._moving = False
        self._draw()

    def show(self) -> None:
        """Display it, with the plane alone for whoever cannot show widgets."""
        _display(self.widget, self._static, self._alt)

    def _draw(self) -> None:
        if not self._moving:
            point = np.array([[slider.value for slider in self._sliders]], np.float32)
            self._image.value = explorer.to_png(np.asarray(self._decode(point))[0])


class SliderWidget:
    """An image and the sliders that it follows."""

    def __init__(self, draw, ranges, alt):
        self._draw_images, self._alt = draw, alt
        self._image = _picture()
        words = 0.6 * max(map(len, ranges))  # em: the names stand below each other
        self._sliders = [
            widgets.FloatSlider(
                min=low,
                max=high,
                step=(high - low) / 200,
                value=start,
                description=name,
                style={"description_width": f"{words:.1f}em"},
                layout=widgets.Layout(width=f"{words + 18:.1f}em", max_width="100%"),
            )
            for name, (low, high, start) in ranges.items()
        ]
        for slider in self._sliders:
            slider.observe(lambda change: self._draw(), names="value")
        self.widget = widgets.HBox(
            [self._image, widgets.VBox(self._sliders)], layout=widgets.Layout(flex_flow="row wrap")
        )
        self._draw()

    def show(self) -> None:
        """Display it, with the image at the start for whoever cannot show widgets."""
        _display(self.widget, bytes(self._image.value), self._alt)

    def _draw(self) -> None:
        values = np.array([[slider.value for slider in self._sliders]], np.float32)
        self._image.value = explorer.to_png(np.asarray(self._draw_images(values))[0])


def _picture() -> widgets.Image:
    side = f"{explorer.SIDE}px"
    return widgets.Image(format="png", layout=widgets.Layout(width=side, height=side, object_fit="contain"))


def _display(widget, static: bytes, alt: str) -> None:
    picture = base64.b64encode(static).decode("ascii")
    bundle = {
        _VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id},
        "image/png": picture,
        "text/html": f'<img src="data:image/png;base64,{picture}" alt="{escape(alt)}" style="max-width:100%">',
        "text/plain": alt,
    }
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
