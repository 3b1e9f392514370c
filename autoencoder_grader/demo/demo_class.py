"""The demo class: three students, what they hand in, and the mistakes of the one in the middle."""

import json
from dataclasses import dataclass
from pathlib import Path

import nbformat
from autoencoder_helpers.errors import CourseError
from nbgrader.utils import is_grade, is_solution

ALL_RIGHT, MIXED, UNTOUCHED = "ada", "ben", "cleo"
STUDENTS = (ALL_RIGHT, MIXED, UNTOUCHED)


@dataclass(frozen=True)
class Mistake:
    """A change of a right solution: in the cell named, `right` becomes `wrong`. `about` is for people."""

    cell: str
    about: str
    right: str
    wrong: str


#: What the mixed student gets wrong. No mistake changes a network, so that the weights of the right solution
#: fit and nothing is trained twice.
MISTAKES = {
    "01_dense_autoencoder": (
        Mistake(
            "bce-per-image",
            "the mean over the pixels instead of the sum",
            "np.log(1 - p)).sum(axis=-1)",
            "np.log(1 - p)).mean(axis=-1)",
        ),
        Mistake(
            "pca-reconstruct",
            "PCA without the mean",
            "return pca.inverse_transform(pca.transform(x))",
            "return pca.transform(x) @ pca.components_",
        ),
    ),
    "02_convolutional_autoencoder": (
        Mistake("side-calculators", "pooling rounds down", "return (side + 1) // 2", "return side // 2"),
    ),
    "03_variational_autoencoder": (
        Mistake("write-gaussian-kl", "the logarithm's sign", "- tf.math.log(stddev)", "+ tf.math.log(stddev)"),
    ),
    "04_flower_vae": (
        Mistake("compute-beta", "the KL counted once", "80 * 80 * 3, 80 * 80, 2", "80 * 80 * 3, 80 * 80, 1"),
    ),
    "05_gene_expression": (
        Mistake(
            "write-difference",
            "variances of single runs",
            "ddof=1) / len(a) + np.var(b, ddof=1) / len(b)",
            "ddof=1) + np.var(b, ddof=1)",
        ),
    ),
}

#: What a chapter trains before its first exercise: who has only run it, and written nothing, has these weights.
TRAINED_AS_RELEASED = {
    "03_variational_autoencoder": ("plain_ae",),
    "05_gene_expression": ("cells_autoencoder_321",),
}


def hand_in(student: str, released: Path, solution: Path, submitted: Path, mistakes: tuple[Mistake, ...] = ()) -> bool:
    """Write what a student hands in for a chapter; say whether it differs from what lay there.

    student: one of STUDENTS; decides whether tasks are solved and whether mistakes are made.
    released, solution: the chapter's notebooks in notebooks/ and in solutions/.
    submitted: the notebook to write.
    Raises CourseError when a mistake's cell or text is no longer in the solution.
    """
    notebook = nbformat.read(released, as_version=4)
    if student != UNTOUCHED:
        solved = {cell.id: cell for cell in nbformat.read(solution, as_version=4).cells}
        for cell in notebook.cells:
            if is_solution(cell) and not (is_grade(cell) and student == MIXED):
                cell.source = answer(solved[cell.id].source)
    if student == MIXED:
        cells = {cell.id: cell for cell in notebook.cells}
        for mistake in mistakes:
            source = cells[mistake.cell].source if mistake.cell in cells else ""
            if source.count(mistake.right) != 1:
                raise CourseError(
                    f"{solution}: cell {mistake.cell!r} no longer has {mistake.right!r} once; "
                    "adapt MISTAKES in autoencoder_grader/demo/demo_class.py"
                )
            cells[mistake.cell].source = source.replace(mistake.right, mistake.wrong)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if submitted.is_file() and submitted.read_text(encoding="utf-8") == text:
        return False
    submitted.parent.mkdir(parents=True, exist_ok=True)
    submitted.write_text(text, encoding="utf-8")
    return True


def answer(source: str) -> str:
    """Return a solution cell's source as a student would have it: without marks, stubs and marking scheme."""
    kept, dropping = [], False
    for line in source.split("\n"):
        mark = line.strip()
        if mark in ("### BEGIN SOLUTION", "### END SOLUTION", "### END MARK SCHEME"):
            dropping = False
        elif mark in ("### STUB", "### BEGIN MARK SCHEME"):
            dropping = True
        elif not dropping:
            kept.append(line)
    return "\n".join(kept).rstrip()
