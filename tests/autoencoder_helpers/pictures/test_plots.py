"""The pictures: what is drawn, readable without colour, and that nothing leaks into a learner's figures."""

import base64
import io
import json

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from autoencoder_helpers import plots
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures import showing
from autoencoder_helpers.pictures.style import DIGIT_COLOURS
from PIL import Image

RNG = np.random.default_rng(0)
DIGITS = RNG.random((10, 28, 28))
CODES, LABELS = RNG.normal(size=(200, 2)), np.arange(200) % 10


@pytest.fixture(autouse=True)
def nothing_leaks():
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before, "the style is applied inside the functions only"


def ellipses(ax=None):
    return plots.posterior_ellipses(CODES[:9], np.full((9, 2), 0.1), LABELS[:9], ax=ax)


DRAWN = {
    "loss_ruler": lambda ax=None: plots.loss_ruler({"floor": 0.058, "PCA": 0.187, "ln 2": 0.693}, ax=ax),
    "loss_curves": lambda ax=None: plots.loss_curves({"loss": [3, 2], "val_loss": [2.5, 2.2]}, ax=ax),
    "latent_plane": lambda ax=None: plots.latent_plane(CODES, LABELS, ax=ax),
    "stages": lambda ax=None: plots.stages([28, 14, 7, 4], [4, 8, 16, 14, 28], ax=ax),
    "posterior_ellipses": ellipses,
    "estimate_histogram": lambda ax=None: plots.estimate_histogram([-0.5, 0.1, 1.2, 1.4], 0.818, ax=ax),
    "manifold": lambda ax=None: plots.manifold(RNG.random((2, 3, 8, 8)), [-1, 0, 1], [1, -1], ax=ax),
    "factor_heatmap": lambda ax=None: plots.factor_heatmap([[0.9, 0.1], [-0.2, 0.5]], ["size", "hue"], ax=ax),
}


def words(ax):
    legend = ax.get_legend()
    texts = [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
    texts += [*legend.get_texts(), legend.get_title()] if legend else []
    return [text.get_text() for text in texts if text.get_text()]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_axes_in_axes_out_and_every_picture_has_a_title(draw):
    fresh = draw()
    assert isinstance(fresh, plt.Axes) and fresh.get_title(loc="left")
    figure, ax = plt.subplots()
    assert draw(ax) is ax and ax.get_title(loc="left")
    figure.savefig(io.BytesIO())


@pytest.mark.parametrize("name", ["latent_plane", "posterior_ellipses"])
def test_planes_can_be_read_without_colour(name):
    ax = DRAWN[name]()
    assert ax.get_aspect() == 1 and (ax.get_xlabel(), ax.get_ylabel()) == ("z1", "z2")
    written = {text.get_text() for text in ax.texts}
    assert {str(label) for label in np.unique(LABELS[:9])} <= written, "digits are written too"
    assert ax.get_legend() is not None


def test_label_stands_at_the_median_of_its_codes():
    codes = np.concatenate([np.full((5, 2), -3.0), np.full((5, 2), 4.0), [[90.0, 90.0]]])
    ax = plots.latent_plane(codes, [1] * 5 + [2] * 6)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    np.testing.assert_allclose([places["1"], places["2"]], [(-3, -3), (4, 4)], atol=0.7)


def test_labels_on_the_same_spot_are_pushed_apart():
    ax = plots.latent_plane(np.tile([[0.0, 0.0], [1.0, 1.0]], (4, 1)), [3, 3, 5, 5, 3, 3, 5, 5])
    one, other = (np.array(text.get_position()) for text in ax.texts)
    assert np.linalg.norm(one - other) > 0.03


def test_a_label_makes_way_for_a_cross():
    codes = np.tile([[0.0, 0.0], [1.0, 1.0]], (4, 1))
    labels = [3, 5] * 4
    (place,) = (text.get_position() for text in plots.latent_plane(codes, labels, points={"A": (0, 0)}).texts[1:2])
    (there,) = (text.get_position() for text in plots.latent_plane(codes, labels).texts[:1])
    assert there == (0, 0) and np.linalg.norm(place) > 0.03


def test_points_and_prior_circles_are_named():
    ax = plots.latent_plane(CODES, LABELS, points={"(10, 10)": (10, 10)}, prior_circles=True)
    assert {"(10, 10)", "point (10, 10)", "prior: 1, 2, 3 sd"} <= set(words(ax))
    assert sorted(patch.radius for patch in ax.patches) == [1, 2, 3]


def test_ellipses_have_one_and_two_standard_deviations():
    ax = plots.posterior_ellipses([[1.0, 2.0]], [[0.5, 0.25]], [7], prior_circles=False)
    around = [path.get_extents() for drawn in ax.collections for path in drawn.get_paths()]
    assert sorted((round(box.width, 6), round(box.height, 6)) for box in around) == [(1.0, 0.5), (2.0, 1.0)]
    assert all(np.allclose((box.min + box.max) / 2, (1.0, 2.0)) for box in around)


def test_ellipses_are_drawn_in_few_steps_and_inside_the_axes():
    means = np.array([[-3.0, 0.0], [5.0, 1.0], [0.0, -4.0]])
    ax = plots.posterior_ellipses(means, np.full((3, 2), 0.5), [7, 8, 7], prior_circles=False)
    assert not ax.patches and len(ax.collections) == 2
    assert [len(drawn.get_facecolor()) for drawn in ax.collections] == [3, 3]
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left <= -4 and right >= 6 and low <= -5 and high >= 2


RGB_TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
SEEN = {  # what is left of the three receptors' signals (Vienot, Brettel and Mollon 1999)
    "everybody": np.eye(3),
    "protanope": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "deuteranope": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}


@pytest.mark.parametrize("eye", SEEN.values(), ids=SEEN)
def test_ten_digits_have_ten_colours_for_every_eye(eye):
    rgb = np.array([matplotlib.colors.to_rgb(colour) for colour in DIGIT_COLOURS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ (np.linalg.inv(RGB_TO_LMS) @ eye @ RGB_TO_LMS).T, 0, 1)
    t = seen @ RGB_TO_XYZ.T / RGB_TO_XYZ.sum(axis=1)
    x, y, z = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116).T
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 999 * np.eye(10)
    assert apart.min() > 12, "five just noticeable differences (2.3 each in CIE Lab)"


def test_image_rows_share_one_grey_scale_and_show_each_image():
    rows = {"original": DIGITS, "reconstruction": DIGITS[:4] / 2}
    figure = plots.image_rows(rows, titles=range(10), title="Ten")
    shown = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(shown) == 14 and all(image.get_clim() == (0, 1) for image in shown)
    np.testing.assert_allclose(shown[10].get_array(), DIGITS[0] / 2)
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["original", "reconstruction"]
    assert [ax.get_title() for ax in figure.axes[:3]] == ["0", "1", "2"] and figure.get_suptitle() == "Ten"


@pytest.mark.parametrize(
    "images",
    [DIGITS.reshape(-1, 784), DIGITS[..., None], RNG.random((2, 80, 80, 3)), (DIGITS > 0.5).astype(np.uint8)],
    ids=["flat", "channel", "colour", "binary"],
)
def test_image_rows_take_every_layout_of_the_course(images):
    plots.image_rows({"row": images}).savefig(io.BytesIO())


def test_ruler_writes_each_name_with_its_value():
    text = " ".join(words(DRAWN["loss_ruler"]()))
    assert "floor\n0.058" in text and "ln 2\n0.693" in text and "nats per pixel" in text


def test_loss_curves_take_what_fit_returns_and_name_both_kinds_of_loss():
    class History:
        history = {"loss": [3.0, 2.0], "val_loss": [2.5, 2.2]}

    ax = plots.loss_curves(History(), lines={"floor": 0.21}, unit="nats per image")
    named = {"train (epoch average)", "test (end of epoch)", "floor 0.210", "epoch", "nats per image"}
    assert named <= set(words(ax))
    assert list(ax.lines[0].get_xdata()) == [1, 2] and list(ax.lines[1].get_ydata()) == [2.5, 2.2]
    assert len({line.get_linestyle() for line in ax.lines[:2]}) == 2, "dashes differ, not colour alone"


def test_stages_draw_each_side_to_scale():
    ax = DRAWN["stages"]()
    sides = [patch.get_height() for patch in ax.patches if patch.get_height() >= 4]
    assert sides == [28, 14, 7, 4, 4, 8, 16, 14, 28]
    assert {"28", "14", "7", "2 numbers", "encoder", "decoder"} <= set(words(ax))


def test_histogram_says_what_share_is_negative():
    ax = DRAWN["estimate_histogram"]()
    assert ax.get_title(loc="left") == "25 % of the estimates are negative"
    assert any("exact KL 0.818" in word for word in words(ax))


def test_elbo_curves_add_up():
    figure = plots.elbo_curves([1, 2], [170.0, 160.0], [3.0, 4.0])
    assert [list(ax.lines[0].get_ydata()) for ax in figure.axes] == [[170, 160], [3, 4], [173, 164]]
    assert all(ax.get_ylabel() == "nats per image" and ax.get_xlabel() == "epoch" for ax in figure.axes)


@pytest.mark.parametrize("values", [([170.0, 160.0], [3.0, 4.0]), ([160.0], [3.0]), ([170.0, np.nan], [3.0, np.inf])])
def test_in_elbo_curves_a_nat_is_as_high_everywhere(values):
    figure = plots.elbo_curves(range(len(values[0])), *values)
    assert len({round(float(np.ptp(ax.get_ylim())), 6) for ax in figure.axes}) == 1


@pytest.mark.parametrize("flip", [False, True])
def test_manifold_has_z1_to_the_right_and_z2_upwards_whatever_the_order(flip):
    z1, z2 = np.array([-1.0, 0.0, 1.0]), np.array([2.0, -2.0])
    images = np.zeros((2, 3, 4, 4))
    images[0, 2] = 1  # z1 = 1, z2 = 2
    if flip:
        images, z1, z2 = images[::-1, ::-1], z1[::-1], z2[::-1]
    ax = plots.manifold(images, z1, z2)
    sheet = np.asarray(ax.images[0].get_array())
    assert sheet[:4, 8:].min() == 1 and sheet.sum() == 16, "the white tile stands at the top right"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["-1.00", "0.00", "1.00"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["2.00", "-2.00"]


def test_heatmap_writes_every_value():
    named = {"0.90", "0.10", "-0.20", "0.50", "true factor", "latent variable"}
    assert named <= set(words(DRAWN["factor_heatmap"]()))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plots.latent_plane(CODES[:, :1], LABELS), "(200, 1)"),
        (lambda: plots.latent_plane(CODES, LABELS[:5]), "N labels"),
        (lambda: plots.image_rows({}), "nothing to draw"),
        (lambda: plots.image_rows({"a": np.zeros((2, 5))}), "row 'a'"),
        (lambda: plots.image_rows({"a": np.full((1, 4, 4), 255, np.uint8)}), "divide by 255"),
        (lambda: plots.loss_ruler({"a": np.nan}), "finite"),
        (lambda: plots.loss_curves({}), "no 'loss'"),
        (lambda: plots.posterior_ellipses(CODES, -np.ones((200, 2)), LABELS), "positive"),
        (lambda: plots.estimate_histogram([], 1), "finite estimates"),
        (lambda: plots.elbo_curves([1], [1, 2], [1, 2]), "one length"),
        (lambda: plots.manifold(np.zeros((2, 2, 4, 4)), [1, 2, 3], [1, 2]), "rows follow z2"),
        (lambda: plots.factor_heatmap(np.zeros((2, 2)), ["a"]), "(latents, 1)"),
        (lambda: plots.stages([], [4]), "sides in pixels"),
        (lambda: plots.show("figure"), "found str"),
    ],
)
def test_wrong_arguments_get_one_line(call, said):
    with pytest.raises(CourseError) as error:
        call()
    assert said in str(error.value)


# ---------------------------------------------------------------------------------------------- show


@pytest.fixture
def shown(monkeypatch):
    import IPython.display

    outputs = []
    monkeypatch.setattr(showing, "in_notebook", lambda: True)
    monkeypatch.setattr(
        IPython.display, "display", lambda data, raw, metadata: outputs.append((data, metadata)) if raw else None
    )
    return outputs


def test_show_gives_a_sharp_png_with_its_text_and_closes_the_figure(shown):
    plots.show(DRAWN["loss_curves"](), alt='two "falling" curves')
    ((data, metadata),) = shown
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    facts = metadata["image/png"]
    assert image.size == (2 * facts["width"], 2 * facts["height"]) and facts["alt"] == 'two "falling" curves'
    assert 'alt="two &quot;falling&quot; curves"' in data["text/html"]
    assert data["text/plain"] == 'two "falling" curves'
    assert not plt.get_fignums()


@pytest.mark.parametrize("template", ["classic", "lab"])
def test_exported_pages_carry_the_text(shown, template):
    from nbconvert import HTMLExporter

    plots.show(DRAWN["loss_ruler"](), alt="a ruler of losses")
    data, metadata = shown[0]
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    nbformat.validate(json.loads(nbformat.writes(notebook)))
    page, _ = HTMLExporter(template_name=template).from_notebook_node(notebook)
    assert 'alt="a ruler of losses"' in page
    # A reader of the notebook that takes the PNG finds the text there, too.
    del output["data"]["text/html"]
    if template == "classic":
        page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
        assert 'alt="a ruler of losses"' in page


def test_show_takes_figures_axes_and_panels(shown):
    axes = plots.panels(3)
    assert axes.shape == (3,)
    for ax in axes:
        plots.latent_plane(CODES, LABELS, ax=ax, legend=False)
    plots.show(axes, alt="three")
    plots.show(plots.elbo_curves([1, 2], [2, 1], [0, 1]), alt="figure")
    plots.show(plt.subplots()[1], alt="axes")
    assert len(shown) == 3 and not plt.get_fignums()


def test_show_outside_ipython_only_closes(capfd):
    plots.show(DRAWN["stages"](), alt="blocks")
    assert not plt.get_fignums() and capfd.readouterr() == ("", "")


def test_a_plane_can_say_what_its_labels_stand_for():
    labels = np.arange(len(CODES)) % 3
    axes = plots.latent_plane(CODES, labels, names=("B", "T", "NK"))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0 B", "1 T", "2 NK"]
