"""Made course/ beside this file, with the code of commit a502eae, before the packages had wings:

    .venv/bin/python make.py FOLDER

in a checkout of that commit that does not lie below /tmp. tests/autoencoder_grader/test_old_course.py has today's code go
on in a copy of it. This file is kept to tell what the folder holds; made with today's code, that would prove nothing.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import autoencoder_grader
import nbformat
from autoencoder_grader.grading import grade
from autoencoder_grader.nbgrader_api import open_api

CHAPTER = "01_tiny"
SETUP = """\
import numpy as np
from autoencoder_helpers import check, load_mnist, train
import tensorflow_probability as tfp
import tf_keras as keras

tfd, tfpl, layers = tfp.distributions, tfp.layers, keras.layers
(digits, _), _ = load_mnist()
digits = digits[:128].reshape(-1, 784).astype("float32") / 255
"""
SIDES = """\
def after_conv(side, kernel, padding):
    ### BEGIN SOLUTION
    return side if padding == "same" else side - kernel + 1
    ### STUB
    # raise NotImplementedError("Return the side after a convolution")
    ### END SOLUTION

def after_pool(side):
    ### BEGIN SOLUTION
    return (side + 1) // 2
    ### STUB
    # raise NotImplementedError("Return the side after pooling")
    ### END SOLUTION
"""
BCE = """\
def bce_per_image(x, p):
    ### BEGIN SOLUTION
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=-1)
    ### STUB
    # raise NotImplementedError("Return one number for each image")
    ### END SOLUTION
"""
TRAIN = """\
training = None
### BEGIN SOLUTION
prior = tfd.Independent(tfd.Normal(np.zeros(2, "float32"), 1.0), 1)
kl = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=0.01)
network = keras.Sequential([
    layers.Input((784,)),
    layers.Dense(4),
    tfpl.IndependentNormal(2, activity_regularizer=kl),
    layers.Dense(784, activation="sigmoid"),
])
network.compile(optimizer=keras.optimizers.Adam(0.01), loss=lambda x, p: keras.losses.binary_crossentropy(x, p))
training = train(network, digits, epochs=2, batch_size=32, name="tiny_vae", seed=7)
print("epochs trained here:", training.trained)
### STUB
# # train a network
### END SOLUTION
"""
WRITTEN = """\
Because it must pass through two numbers.
### BEGIN MARK SCHEME
1: says something
### END MARK SCHEME
"""
ROUNDS_DOWN = SIDES.replace("(side + 1) // 2", "side // 2")
CELLS = (
    ("write-sides", SIDES, {"solution": True}),
    ("conv-sides", 'check("conv.sides", after_conv, after_pool)', {"grade": True, "locked": True, "points": 1}),
    ("train-net", TRAIN, {"solution": True}),
    ("write-bce", BCE, {"solution": True}),
    (
        "dense-bce_per_image",
        'check("dense.bce_per_image", bce_per_image)',
        {"grade": True, "locked": True, "points": 1},
    ),
)


def _marks(grade_id, settings):
    plain = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
    return {"nbgrader": plain | {"grade_id": grade_id} | settings}


def _chapter(**sources):
    """The chapter's solution; `sources` replaces the source of cells by id (dashes as underscores)."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell("# A tiny chapter", id="title"), v4.new_code_cell(SETUP, id="setup")]
    for name, source, settings in CELLS:
        source = sources.get(name.replace("-", "_"), source)
        cells.append(v4.new_code_cell(source, id=name, metadata=_marks(name, settings)))
    settings = {"grade": True, "solution": True, "points": 2}
    cells.append(v4.new_markdown_cell(WRITTEN, id="tiny-written", metadata=_marks("tiny-written", settings)))
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def _learners(notebook):
    """What a learner hands in: no marks of regions."""
    for cell in notebook.cells:
        cell.source = re.sub(r" *### STUB\n(?:.*\n)*? *### END SOLUTION\n?", "", cell.source)
        cell.source = re.sub(r" *### BEGIN (SOLUTION|MARK SCHEME)\n", "", cell.source)
        cell.source = re.sub(r"1: says something\n### END MARK SCHEME\n", "", cell.source)
    return notebook


def _write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def _at_home(path):
    """Run a notebook's code where it lies, which leaves its weights beside it."""
    code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    subprocess.run([sys.executable, "-c", code], cwd=path.parent, check=True)


def _keep_to_itself(records):
    """Take out what belongs to the machine where it was made: the secret, and places in the log."""
    for name in ("secret", "secret.lock"):
        (records / name).unlink()
    log = records / "nbgrader.log"
    places = r"\S*/(?=(solutions|submitted|autograded|feedback|\.release-\w+)/)"
    log.write_text(re.sub(places, "", log.read_text(encoding="utf-8")), encoding="utf-8")


def main(folder):
    """Write the course: a learner who was graded, and one who handed in since."""
    folder.mkdir(parents=True)
    shutil.copy(Path(autoencoder_grader.__file__).parents[1] / "nbgrader_config.py", folder)
    _write(folder / "solutions" / CHAPTER / f"{CHAPTER}.ipynb", _chapter())
    handed_in = folder / "submitted"
    _at_home(_write(handed_in / "ada" / CHAPTER / f"{CHAPTER}.ipynb", _learners(_chapter(write_sides=ROUNDS_DOWN))))
    report = grade(folder)
    assert [str(one) for one in report.graded] == [f"ada/{CHAPTER}"] and report.exit_code == 0, report
    with open_api(folder).gradebook as gradebook:  # what an instructor does in formgrader
        grade_of = gradebook.find_grade("tiny-written", CHAPTER, CHAPTER, "ada")
        grade_of.manual_score, grade_of.needs_manual_grade = 1.5, False
        gradebook.find_comment("tiny-written", CHAPTER, CHAPTER, "ada").manual_comment = "Say which two."
        gradebook.db.commit()
    report = grade(folder, again=True)  # grades.csv and the page with these points
    assert report.exit_code == 0, report
    _keep_to_itself(folder / ".grading")
    _at_home(_write(handed_in / "ben" / CHAPTER / f"{CHAPTER}.ipynb", _learners(_chapter())))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
