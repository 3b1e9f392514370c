"""What happens to the files beside a notebook, above all the weights that `train` saves there.

nbgrader copies whole folders: everything beside a solution would be released to students, and would in
grading replace what a student handed in under the same name. These preprocessors put that right in the
folder that nbgrader has just filled. Being preprocessors, they work the same for `nbgrader`, for formgrader
and for our commands; an error in one stops the step, while nbgrader only logs an error in its convert hooks.
"""

import filecmp
import os
import shutil
from pathlib import Path

from autoencoder_grader.kernels.no_page import is_no_page
from autoencoder_grader.kernels.workplace import copy_plain_files
from autoencoder_grader.scoring.private_data import derived_seed, secret_seed
from autoencoder_helpers.errors import CourseError
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import find_all_files

#: The folder beside a notebook in which `train` keeps weights.
WEIGHTS = "weights"
_PAGE = ".html"
#: What nbgrader's exchange writes beside a notebook that it takes, and reads when it gives feedback back.
_STAMP, _SUBMISSION_SECRET = "timestamp.txt", "submission_secret.txt"


class _Companions(NbGraderPreprocessor):
    """Knows the folders of the step that is running."""

    def _folder(self, step: str, resources) -> Path:
        """Return the folder of this student and assignment at one of nbgrader's steps."""
        names = resources["nbgrader"]
        return Path(self._coursedir.format_path(step, names["student"], names["assignment"]))

    @property
    def _coursedir(self):
        return self.parent.parent.coursedir  # preprocessor -> exporter -> converter

    def _others(self, folder: Path) -> list[Path]:
        """Return the files in `folder` that are no notebooks, as nbgrader finds them."""
        return [Path(name) for name in find_all_files(str(folder), [*self._coursedir.ignore, "*.ipynb"])]


class KeepOnlyNotebooks(_Companions):
    """For GenerateAssignment: a release holds the notebook and nothing else."""

    def preprocess(self, nb, resources):
        """Delete what nbgrader copied into the release beside the notebook."""
        release = self._folder(self._coursedir.release_directory, resources)
        for path in self._others(release):
            path.unlink()
            _drop_empty_folders(path.parent, release)
        return nb, resources


class KeepSubmittedFiles(_Companions):
    """For Autograde: the files beside a graded notebook are the weights, data and pictures that the student handed in.

    The notebook itself runs beside all that was handed in, in its sandbox.
    """

    def preprocess(self, nb, resources):
        """Undo nbgrader's copy: it took the files of the source folder, and followed a submission's links.

        Raises CourseError when the notebook itself is a link: it could lead to another student's.
        """
        names = resources["nbgrader"]
        submitted = self._folder(self._coursedir.submitted_directory, resources)
        graded = self._folder(self._coursedir.autograded_directory, resources)
        notebook = submitted / f"{names['notebook']}.ipynb"
        if notebook.is_symlink() or submitted.is_symlink():
            raise CourseError(f"{notebook} is a link; a submission has to be a file")
        for path in self._others(graded):
            path.unlink()
            _drop_empty_folders(path.parent, graded)
        copy_plain_files(submitted, graded, wanted=is_no_page)
        return nb, resources


class DropWeights(_Companions):
    """For GenerateFeedback: nothing but pages in the feedback folder, and what nbgrader's exchange looks for there."""

    def preprocess(self, nb, resources):
        """Delete what nbgrader copied into the feedback folder: weights, and whatever else lay beside the notebook."""
        feedback = self._folder(self._coursedir.feedback_directory, resources)
        graded = self._folder(self._coursedir.autograded_directory, resources)
        pages = {feedback / f"{path.stem}{_PAGE}" for path in graded.glob("*.ipynb")}
        kept = {feedback / name for name in (_STAMP, _SUBMISSION_SECRET)}
        for path in self._others(feedback):
            if path not in pages | kept:
                path.unlink()
                _drop_empty_folders(path.parent, feedback)
        self._fill_in(feedback, resources["nbgrader"])
        return nb, resources

    def _fill_in(self, feedback, names):
        """Write what the exchange puts beside a notebook where that came another way.

        `nbgrader release_feedback` ends at the first submission without these files, and nobody's is released after it.
        """
        feedback.mkdir(parents=True, exist_ok=True)  # nbgrader makes none where nothing lay beside the notebook
        if not (feedback / _STAMP).exists():
            (feedback / _STAMP).touch()
        if not (feedback / _SUBMISSION_SECRET).exists():
            # A page's name in the exchange is made of it: nobody may guess it, and it stays what it is.
            seed = derived_seed(secret_seed(Path(self._coursedir.root)), f"{names['student']}\n{names['assignment']}")
            (feedback / _SUBMISSION_SECRET).write_text(f"{seed:064x}", encoding="utf-8")


def _drop_empty_folders(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def copy_weights(source: Path, target: Path) -> bool:
    """Copy the files that differ from one folder of weights to another; say whether there were any."""
    changed = False
    for path in sorted(source.glob("*.npz")):
        copy = target / path.name
        if not copy.is_file() or not filecmp.cmp(path, copy, shallow=False):
            target.mkdir(parents=True, exist_ok=True)
            partial = copy.with_name(copy.name + ".partial")
            # Not copy(): what nbgrader has graded is read-only.
            shutil.copyfile(path, partial)
            os.replace(partial, copy)
            changed = True
    return changed
