"""Looking around in a latent space: widgets where somebody can use them, a picture or a line elsewhere."""

import io
import re

import numpy as np
import pytest
from autoencoder_helpers import explorer, plots
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import ENVIRONMENT
from autoencoder_helpers.pictures import showing
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

VIEW = "application/vnd.jupyter.widget-view+json"
CODES = np.array([[0.0, 0.0], [2.0, 1.0], [-2.0, -1.0], [1.0, -3.0]])
LABELS = np.array([0, 1, 0, 1])


def decode(points):
    """Grey images as bright as z1 says, from -2 (black) to 2 (white)."""
    return np.clip(np.asarray(points)[:, 0] / 4 + 0.5, 0, 1)[:, None, None] * np.ones((1, 28, 28))


def grey(png):
    """The value of the first pixel of a PNG, from 0 to 1."""
    return np.asarray(Image.open(io.BytesIO(png)))[0, 0] / 255


@pytest.fixture
def shown(monkeypatch):
    """What is displayed in place of widgets: (figure or axes, alt)."""
    found = []
    monkeypatch.setattr(plots, "show", lambda thing, alt="": found.append((thing, alt)))
    return found


@pytest.fixture
def bundles(monkeypatch):
    """What widgets display, in a notebook."""
    widgets = pytest.importorskip("autoencoder_helpers.pictures.explorer_widgets")
    found = []
    monkeypatch.setattr(showing, "in_notebook", lambda: True)
    monkeypatch.setattr(explorer, "_somebody_is_there", lambda: True)
    monkeypatch.setattr(widgets, "display", lambda bundle, **_: found.append(bundle))
    return found


def test_without_a_notebook_the_plane_is_a_picture_with_three_points_decoded(shown):
    explorer.plane(decode, CODES, LABELS, alt="the plane")
    (axes, alt), (rows, _) = shown
    assert alt == "the plane" and [text for text in axes.get_legend_handles_labels()[1] if "point" in text] == [
        "point A",
        "point B",
        "point C",
    ]
    images = [axis.images[0].get_array() for axis in rows.axes if axis.images]
    assert [float(image[0, 0]) for image in images] == sorted(float(image[0, 0]) for image in images)
    assert len(images) == 3


def test_without_a_notebook_sliders_are_rows_of_images(shown):
    explorer.sliders(decode, {"first": (-2.0, 2.0, 0.0), "second": (0.0, 1.0, 0.5)}, alt="grey squares")
    ((figure, alt),) = shown
    images = [float(axis.images[0].get_array()[0, 0]) for axis in figure.axes if axis.images]
    assert alt == "grey squares" and len(images) == 10
    assert images[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1]) and images[5:] == pytest.approx([0.5] * 5)


def test_in_grading_nothing_is_drawn(shown, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    explorer.plane(decode, CODES, LABELS, alt="")
    explorer.sliders(decode, {"z": (0, 1, 0)}, alt="")
    assert not shown and capsys.readouterr().out.count("look around, in the chapter itself") == 2


def test_what_cannot_be_explored_is_one_line():
    with pytest.raises(CourseError, match=r"codes of shape \(N, 2\), found \(4,\)"):
        explorer.plane(decode, CODES[:, 0], LABELS, alt="")
    with pytest.raises(CourseError, match="'z' goes from 0 to 1 and cannot start at 2"):
        explorer.sliders(decode, {"z": (0, 1, 2)}, alt="")
    with pytest.raises(CourseError, match="nothing to pull"):
        explorer.sliders(decode, {}, alt="")


def test_without_the_widgets_the_picture_takes_their_place(shown, monkeypatch):
    monkeypatch.setattr(showing, "in_notebook", lambda: True)
    monkeypatch.setattr(explorer, "_somebody_is_there", lambda: True)
    monkeypatch.setitem(__import__("sys").modules, "ipyevents", None)
    explorer.sliders(decode, {"z": (0, 1, 0)}, alt="")
    assert len(shown) == 1


def test_the_digit_follows_the_mouse(bundles):
    from autoencoder_helpers.pictures.explorer_widgets import PlaneWidget

    axes = plots.latent_plane(CODES, LABELS, legend=False)
    plane = PlaneWidget(decode, axes, np.zeros(2), "the plane")
    (low1, high1), (low2, high2) = axes.get_xlim(), axes.get_ylim()
    plane.move({"dataX": plane._right, "dataY": plane._top})
    assert [slider.value for slider in plane._sliders] == pytest.approx([high1, high2])
    assert grey(plane._image.value) == pytest.approx(1, abs=0.01)
    plane.move({"dataX": (plane._left + plane._right) / 2, "dataY": plane._bottom})
    assert [slider.value for slider in plane._sliders] == pytest.approx([(low1 + high1) / 2, low2], abs=0.02)
    before = plane._image.value
    plane.move({"dataX": 0, "dataY": 0})  # beside the axes
    assert plane._image.value == before
    plane._sliders[0].value = -2
    assert grey(plane._image.value) == 0


def test_a_ring_lies_where_the_decoded_point_is(bundles):
    from autoencoder_helpers.pictures.explorer_widgets import PlaneWidget

    axes = plots.latent_plane(CODES, LABELS, legend=False)
    plane = PlaneWidget(decode, axes, np.zeros(2), "the plane")
    width, height = Image.open(io.BytesIO(plane._plane.value)).size

    def ring():
        return [float(share) for share in re.findall(r"(?:left|top): ([\d.]+)%", plane._mark.value)]

    for x, y in ((plane._left, plane._bottom), (plane._right, plane._top)):
        plane.move({"dataX": x, "dataY": y})
        assert ring() == pytest.approx([100 * x / width, 100 * y / height], abs=0.5)
    plane._sliders[0].value = axes.get_xlim()[0]
    assert ring() == pytest.approx([100 * plane._left / width, 100 * plane._top / height], abs=0.5)


def test_the_picture_of_the_plane_is_where_the_axes_are_said_to_be(bundles):
    from autoencoder_helpers.pictures.explorer_widgets import PlaneWidget

    plane = PlaneWidget(decode, plots.latent_plane(CODES, LABELS, legend=False), np.zeros(2), "")
    pixels = np.asarray(Image.open(io.BytesIO(plane._plane.value)).convert("L")).astype(int)
    height, width = pixels.shape
    assert 0 < plane._left < plane._right <= width and 0 < plane._top < plane._bottom <= height
    left, bottom = round(plane._left), round(plane._bottom)
    inside = slice(round(plane._top) + 5, bottom - 5)
    darkest = pixels[inside, left - 4 : left + 5].mean(axis=0).min()
    assert darkest < 200, "the axis of z2 is drawn there"


def test_widgets_come_with_a_picture_for_whoever_cannot_show_them(bundles):
    explorer.plane(decode, CODES, LABELS, alt="the <plane>")
    explorer.sliders(decode, {"z": (-2, 2, 2)}, alt="a square")
    for bundle, alt in zip(bundles, ("the &lt;plane&gt;", "a square"), strict=True):
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert f'alt="{alt}"' in bundle["text/html"] and bundle["image/png"]
    assert bundles[1]["text/plain"] == "a square"
    plane, squares = (bundle["text/html"].count("<img") for bundle in bundles)
    assert (plane, squares) == (2, 1), "the plane, and what is decoded there; all squares are one picture"


def test_every_image_of_a_widget_has_a_name_for_those_who_do_not_see_it(bundles):
    from autoencoder_helpers.pictures.explorer_widgets import PlaneWidget, SliderWidget

    plane = PlaneWidget(decode, plots.latent_plane(CODES, LABELS, legend=False), np.zeros(2), "the plane")
    sliders = SliderWidget(decode, {"z": (-2, 2, 0)}, "a square")
    images = [plane._plane, plane._image, sliders._image]
    assert [image.tooltip for image in images] == ["the plane", "What is decoded there.", "a square"]
    assert all("description" in image.get_state() for image in images), "without it JupyterLab cannot show them"


SOURCE = """\
import numpy as np
from autoencoder_helpers import explorer

def decode(points):
    return np.ones((len(points), 28, 28))

explorer.plane(decode, np.eye(4, 2), np.arange(4), alt="the plane")
explorer.sliders(decode, {"z": (0, 1, 0)}, alt="white squares")
"""


@pytest.mark.parametrize("somebody", [False, True])
def test_a_document_that_nobody_sits_before_has_pictures_in_place_of_widgets(tmp_path, somebody):
    pytest.importorskip("ipyevents")
    notebook = new_notebook(cells=[new_code_cell(SOURCE)])
    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, resources=resources, startup_timeout=180, iopub_timeout=180)
    with client.setup_kernel():
        client.kc.allow_stdin = somebody  # as JupyterLab does
        client.execute_cell(notebook.cells[0], 0)
    client.set_widgets_metadata()
    data = [output.data for output in notebook.cells[0].outputs]
    assert [VIEW in one for one in data] == ([True] * 2 if somebody else [False] * 3)
    assert all("image/png" in one for one in data) and ("widgets" in notebook.metadata) == somebody
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    shown = [f'alt="{alt}"' in page for alt in ("the plane", "white squares")]
    assert shown == [not somebody] * 2


def test_an_image_follows_its_sliders(bundles):
    from autoencoder_helpers.pictures.explorer_widgets import SliderWidget

    widget = SliderWidget(decode, {"z": (-2, 2, 0)}, "")
    assert grey(widget._image.value) == pytest.approx(0.5, abs=0.01)
    widget._sliders[0].value = 2
    assert grey(widget._image.value) == 1


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_any_image_becomes_a_png(shape):
    from autoencoder_helpers.pictures.explorer_widgets import to_png

    assert Image.open(io.BytesIO(to_png(np.full(shape, 2.0)))).size == (4, 5)
