"""A learner in JupyterLab fills in a stub, trains, looks around, validates; and sees what was meant to be seen."""

import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

expect = pytest.importorskip("playwright.sync_api", reason="no playwright here (make setup installs it)").expect

REPOSITORY = Path(__file__).resolve().parents[2]
CHAPTER = "01_dense_autoencoder"


def solution(name):
    """What the course's own answer to a stub is."""
    chapter = nbformat.read(REPOSITORY / "solutions" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    (source,) = (cell.source for cell in chapter.cells if cell.id == name)
    return re.search(r"### BEGIN SOLUTION\n(.*?)\n### STUB", source, re.DOTALL).group(1)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A course with the first chapter's release, as `autoencoder-course lab` needs it; its work/."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(REPOSITORY / "nbgrader_config.py", course)
    shutil.copytree(REPOSITORY / "notebooks" / CHAPTER, course / "notebooks" / CHAPTER)
    return course / "work"


@pytest.fixture(scope="module")
def page(work, serve, new_page):
    """JupyterLab, as the course's own command opens it."""
    command = [sys.executable, "-m", "autoencoder_grader.cli", "--course", work.parent, "lab"]
    return new_page(serve(command, work.parent))


@pytest.fixture(scope="module")
def chapter(page, work, open_notebook):
    """Chapter 1, run from the top to its first check."""
    path = f"{CHAPTER}/{CHAPTER}.ipynb"
    notebook = open_notebook(page, path, work / path)
    notebook.run_until("dense-data")
    return notebook


def card(notebook, name):
    """The card of a check."""
    return notebook.output(name).get_by_role("group", name=re.compile("^Check "))


def test_typing_the_answer_turns_the_card_from_not_yet_to_passed(chapter, picture):
    first = card(chapter, "dense-data")
    expect(first).to_contain_text("✗ not yet · 0 of 1 point")
    picture(first, "card-not-yet", ours=True)
    chapter.type("scale-images", solution("scale-images"))
    chapter.run("scale-images")
    chapter.run("dense-data")
    picture(chapter.page, "chapter-passed")
    expect(card(chapter, "dense-data")).to_contain_text("✓ passed · 1 of 1 point")
    picture(card(chapter, "dense-data"), "card-passed", ours=True)


# ------------------------------------------------------------------------- a notebook with all that we show


#: Cells by id. The network is small, and so long in training that a slow machine shows its progress too.
SHOWN = {
    "setup": """\
import autoencoder_helpers
import numpy as np
import tf_keras as keras
from autoencoder_helpers import came_out, check, choose_epochs, explorer, guess, load_mnist, plots, train

(images, labels), _ = load_mnist(flatten=True)
x, y = images[:1500].astype("float32") / 255, labels[:1500]
mean = x.mean(axis=0)
_, _, axes = np.linalg.svd(x - mean, full_matrices=False)

def decode(codes):
    return np.clip(mean + codes @ axes[:2], 0, 1).reshape(-1, 28, 28)

keras.utils.set_random_seed(7)
net = keras.Sequential(
    [keras.Input(shape=(784,)), keras.layers.Dense(2), keras.layers.Dense(784, activation="sigmoid")]
)
net.compile("adam", "binary_crossentropy")
""",
    "guess": """guess("vae.double", "once", "twice", "it depends on the image")""",
    "came-out": """came_out("vae.double", "2 entries, and their sum is 2.00 times the exact KL")""",
    "epochs": """epochs = choose_epochs("conv", default=3, full=50)\nprint(f"{epochs} chosen")""",
    "train": """train(net, x[:400], epochs=250, batch_size=16, validation_data=x[400:500], name="small_ae");""",
    "plane": """\
explorer.plane(
    decode, (x - mean) @ axes[:2].T, y, alt="Codes of digits in the plane of PCA; ones lie apart from zeros."
)""",
    "sliders": """\
explorer.sliders(
    decode, {"slant": (-6.0, 6.0, 0.0), "roundness": (-6.0, 6.0, 0.0)}, alt="A digit that leans and grows round."
)""",
    "partly": """\
layers = [keras.layers.Dense(width) for width in (100, 20, 2)]
check("dense.encoder", keras.Sequential([keras.Input(shape=(784,)), *layers]))""",
    "standing": """\
from autoencoder_helpers import progress
progress("dense")""",
    "picture": """\
plots.show(plots.latent_plane((x - mean) @ axes[:2].T, y), alt="Codes of digits in the plane of PCA.")""",
}


@pytest.fixture(scope="module")
def shown(page, work, open_notebook):
    """The notebook of SHOWN, with its first cell run."""
    cells = [new_code_cell(source, id=name) for name, source in SHOWN.items()]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), work / "shown.ipynb")
    notebook = open_notebook(page, "shown.ipynb", work / "shown.ipynb")
    notebook.run("setup")
    return notebook


def test_a_guess_is_pressed_kept_and_unfolds_the_answer(shown, work, picture):
    asked, told = shown.output("guess"), shown.output("came-out")
    shown.run("guess")
    shown.run("came-out")
    expect(told.get_by_text("You made no guess.")).to_be_visible()
    expect(told.get_by_text("A distribution layer of")).to_be_hidden()
    asked.get_by_role("button", name="1 · once").click()
    expect(asked.get_by_role("button", name="✓ · once")).to_be_disabled()
    expect(asked.get_by_role("status")).to_have_text("Your guess. The answer has been told.")
    expect(told).to_contain_text("≠ You guessed “once”. It came out: “twice”.")
    expect(told.get_by_text("A distribution layer of")).to_be_visible()
    picture(asked, "guess", ours=True)
    picture(told, "came-out", ours=True)
    assert json.loads((work / "guesses.json").read_text()) == {"vae.double": {"guess": "once", "told": True}}


def test_the_full_training_is_chosen_by_a_button_and_kept(shown, work, picture):
    output = shown.output("epochs")
    shown.run("epochs")
    expect(output.last).to_have_text("3 chosen")
    expect(output.get_by_role("button", name="✓ · short: 3 epochs")).to_be_visible()
    picture(output.first, "epochs")
    output.get_by_role("button", name="2 · full: 50 epochs").click()
    expect(output.get_by_role("button", name="✓ · full: 50 epochs")).to_be_visible()
    expect(output.get_by_role("status")).to_have_text(
        "Kept. Run all cells from the top once more, so that a fresh network is trained."
    )
    shown.run("epochs")
    expect(output.last).to_have_text("50 chosen")
    picture(output.first, "epochs-full")
    assert json.loads((work / "guesses.json").read_text())["conv.epochs"]["guess"] == "full"


def test_training_shows_how_far_it_is_and_leaves_one_line_and_one_picture(shown, picture):
    output, prompt = shown.output("train"), shown.prompt("train")
    shown.start("train")
    bar = output.get_by_role("progressbar", name="progress of the training")
    expect(bar).to_be_visible()
    expect(output).to_contain_text(re.compile(r"small_ae: epoch \d+ of 250, loss 0\.\d+, about .+ left"))
    expect(output.get_by_role("img", name=re.compile(r"after epoch \d\d+$"))).to_be_visible()
    expect(bar).to_be_visible()
    picture(output, "training", ours=True)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
    expect(bar).to_have_count(0)
    expect(output).to_have_text(re.compile(r"^small_ae: 250 epochs, loss .+, test .+, trained in .+\.npz\.$"))
    expect(output.get_by_role("img", name=re.compile("^Loss by epoch"))).to_have_count(1)
    picture(output, "training-after", ours=True)


def source_of(image):
    return image.get_attribute("src")


def follows(image, act):
    """Whether the image becomes another one because of `act`."""
    before = source_of(image)
    act()
    expect(image).not_to_have_attribute("src", before)


def test_the_plane_follows_the_mouse_and_the_keyboard(shown, picture):
    shown.run("plane")
    output, mouse = shown.output("plane"), shown.page.mouse
    plane, decoded = output.locator("img").nth(0), output.locator("img").nth(1)
    expect(decoded).to_be_visible()
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()

    def expect_ring_at(across, up):
        x, y = box["x"] + across * box["width"], box["y"] + up * box["height"]
        shown.page.wait_for_function(
            """([x, y]) => {
                const place = document.querySelector(".autoencoder-place svg").getBoundingClientRect();
                return Math.abs(place.x - x) < 3 && Math.abs(place.y - y) < 3;
            }""",
            arg=[x, y],
        )

    pixels = set()
    for across, up in ((0.3, 0.4), (0.5, 0.8), (0.69, 0.54)):
        follows(decoded, lambda: mouse.move(box["x"] + across * box["width"], box["y"] + up * box["height"]))
        pixels.add(decoded.screenshot())
        expect_ring_at(across, up)
    assert len(pixels) == 3, "the addresses changed, but not the image"
    picture(output, "explorer-plane", ours=True)
    handle = output.get_by_role("slider").first
    handle.focus()
    follows(decoded, lambda: shown.page.keyboard.press("ArrowRight"))


def test_the_image_follows_a_slider_that_is_dragged(shown, picture):
    shown.run("sliders")
    output, mouse = shown.output("sliders"), shown.page.mouse
    decoded = output.locator("img").first
    expect(decoded).to_be_visible()
    before = decoded.screenshot()
    box = output.get_by_role("slider").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    follows(decoded, lambda: mouse.move(x + 30, y, steps=3))
    follows(decoded, lambda: mouse.move(x + 60, y, steps=3))
    mouse.up()
    assert decoded.screenshot() != before
    picture(output, "explorer-sliders", ours=True)


# What a task's cell holds in the release, and once it is solved.
REGION = re.compile(r" *### BEGIN SOLUTION\n(.*?) *### STUB\n( *)# (.*?\n) *### END SOLUTION\n", re.DOTALL)


@pytest.mark.parametrize(
    ("cell", "verdict", "says"),
    [
        (r"\2\3", "failed", "The following cell failed"),
        (r"\1", "success", "Success! Your notebook passes all the tests."),
    ],
    ids=["stub", "solved"],
)
def test_the_button_validate_agrees_with_the_card(page, work, tiny, open_notebook, picture, cell, verdict, says):
    name = f"{verdict}.ipynb"
    answers = {"write_sides": REGION.sub(cell, tiny.SIDES), "train_net": "beta = 0.0012", "tiny_written": "A summary."}
    nbformat.write(tiny._tiny_notebook("tiny", **answers), work / name)
    notebook = open_notebook(page, name, work / name)
    notebook.run_until("conv-sides")
    expect(card(notebook, "conv-sides")).to_contain_text("passed ·" if verdict == "success" else "not yet ·")
    expect(page.get_by_role("tab", name="Create Assignment")).to_have_count(0)  # that is for instructors
    notebook.panel.get_by_role("button", name="Validate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(f"#validation-message.validation-{verdict}")).to_contain_text(says)
    picture(page, f"validate-{verdict}")
    if verdict == "failed":
        expect(dialog).to_contain_text('check("conv.sides", after_conv, after_pool)')
        expect(dialog).not_to_contain_text('check("flowers.beta", beta)')
    dialog.get_by_role("button", name="OK").click()


@pytest.mark.parametrize("name", ["Light", "Dark"])
def test_axe_finds_nothing_serious_in_what_we_show(shown, theme, picture, name):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe-playwright-python here (make setup installs it)"
    ).Axe()
    shown.activate()
    shown.run_until("picture")
    expect(shown.panel.locator("[data-mime-type*=error]")).to_have_count(0)
    theme(shown.page, name)
    picture(shown.panel, f"shown-{name.lower()}")
    # JupyterLab's body has no height and hides what flows over; axe takes all for hidden and judges no contrast.
    shown.page.evaluate("document.body.style.height = '100vh'")
    reports = []
    for cell in list(SHOWN)[1:]:
        # Nor does axe judge what is scrolled away.
        output = shown.output(cell).first
        output.evaluate("shown => { shown.id = 'to-be-judged'; shown.scrollIntoView({block: 'center'}); }")
        found = axe.run(shown.page, context="#to-be-judged").response
        output.evaluate("shown => shown.removeAttribute('id')")
        if cell in ("partly", "standing"):
            assert "color-contrast" in {entry["id"] for entry in found["passes"] + found["violations"]}
        reports += [(cell, entry, node) for entry in found["violations"] for node in entry["nodes"]]
    theme(shown.page, "Light")
    serious = [
        (cell, entry["id"], node["html"], node["failureSummary"])
        for cell, entry, node in reports
        if entry["impact"] in ("serious", "critical") and not is_handle_of_slider(entry, node)
    ]
    assert not serious


def is_handle_of_slider(entry, node):
    """ipywidgets 8 gives the handle of a slider no name, and no way to give it one; the name stands beside it."""
    return entry["id"] == "aria-input-field-name" and "noUi-handle" in node["html"]
