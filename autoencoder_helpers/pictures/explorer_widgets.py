"""The widgets of the explorer: imported only where ipywidgets and ipyevents are there and somebody can use them."""

from __future__ import annotations

import io

import ipywidgets as widgets
import numpy as np
from autoencoder_helpers.pictures import showing
from autoencoder_helpers.pictures.style import family
from ipyevents import Event
from IPython.display import display
from matplotlib import pyplot as plt
from matplotlib.transforms import Affine2D
from PIL import Image
from traitlets import Unicode

_SIDE = 260  # of a decoded image, in CSS pixels
_DPI = 200  # sharp where a CSS pixel is two of the screen's
_BETWEEN_FRAMES = 40  # milliseconds; a faster mouse would only queue up
_MARK = "autoencoder-place"
# The mouse reaches through what lies over the plane.
_STYLE = f".{_MARK} {{pointer-events: none}} .{_MARK} > div {{position: relative; width: 100%; height: 100%}}"
_CIRCLE = '<circle r="8" fill="none" stroke="{}" stroke-width="{}"/>'
_RING = _CIRCLE.format("white", 5) + _CIRCLE.format("black", 2)  # to be seen on all classes' colours
_VIEW = "application/vnd.jupyter.widget-view+json"


class NamedImage(widgets.Image):
    """An image with a name for those who do not see it: its tooltip, since ipywidgets has no alt text."""

    # ipywidgets 8 shows a tooltip where the description is empty, and cannot show an image that has none at all.
    description = Unicode("").tag(sync=True)


class PlaneWidget:
    """A picture of the plane, the decoded image beside it, and a slider for each latent variable below."""

    def __init__(self, decode, axes, start, alt):
        self._decode = decode
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
            self._size = width, height
            self._limits = axes.get_xlim(), axes.get_ylim()
        plt.close(figure)
        layout = widgets.Layout(width=f"{width / 2:.0f}px", max_width="100%", grid_area="1 / 1")
        self._plane = NamedImage(value=buffer.getvalue(), format="png", layout=layout, tooltip=alt)
        self._mark = widgets.HTML(layout=widgets.Layout(width="100%", height="100%", margin="0", grid_area="1 / 1"))
        self._mark.add_class(_MARK)
        self._image = _picture("What is decoded there.")
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
        left = widgets.GridBox([self._plane, self._mark])
        self.widget = widgets.HBox([left, right], layout=widgets.Layout(flex_flow="row wrap"))
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

    def _draw(self) -> None:
        if not self._moving:
            point = np.array([[slider.value for slider in self._sliders]], np.float32)
            self._mark.value = self._marked(*point[0])
            self._image.value = to_png(np.asarray(self._decode(point))[0])

    def _marked(self, z1, z2) -> str:
        """A ring where the decoded point is in the plane, as HTML that is as large as the plane's picture."""
        (low, high), (lowest, highest) = self._limits
        x = self._left + (z1 - low) / (high - low) * (self._right - self._left)
        y = self._bottom - (z2 - lowest) / (highest - lowest) * (self._bottom - self._top)
        left, top = 100 * x / self._size[0], 100 * y / self._size[1]
        place = f"position: absolute; left: {left:.2f}%; top: {top:.2f}%; overflow: visible"
        return f'<style>{_STYLE}</style><svg aria-hidden="true" width="1" height="1" style="{place}">{_RING}</svg>'


class SliderWidget:
    """An image and the sliders that it follows."""

    def __init__(self, draw, ranges, alt):
        self._draw_images = draw
        self._image = _picture(alt)
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

    def _draw(self) -> None:
        values = np.array([[slider.value for slider in self._sliders]], np.float32)
        self._image.value = to_png(np.asarray(self._draw_images(values))[0])


def show(widget, pictures) -> None:
    """Display a widget, with pictures for whoever cannot show widgets.

    pictures: list of (matplotlib figure or axes, alt text); they are closed.
    """
    bundles = [showing.mime_bundle(showing.to_png(drawn), alt) for drawn, alt in pictures]
    data, metadata = bundles[0]
    data["text/html"] = "<br>".join(data["text/html"] for data, _ in bundles)
    data[_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    display(data, raw=True, metadata=metadata)


def to_png(image) -> bytes:
    """An image (height, width), (height, width, 1) or (height, width, 3) with values in [0, 1] as a PNG."""
    pixels = np.asarray(image)
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray((np.clip(pixels, 0.0, 1.0) * 255).round().astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _picture(alt: str) -> widgets.Image:
    side = f"{_SIDE}px"
    layout = widgets.Layout(width=side, height=side, object_fit="contain")
    return NamedImage(format="png", layout=layout, tooltip=alt)
