"""nbgrader's settings for this course: `nbgrader ...`, formgrader and our own commands all read this file."""

from pathlib import Path

from autoencoder_grader.nbgrader_steps.companions import DropWeights, KeepOnlyNotebooks, KeepSubmittedFiles
from autoencoder_grader.nbgrader_steps.execution import SealedExecute
from autoencoder_grader.nbgrader_steps.export import CsvExport
from autoencoder_grader.nbgrader_steps.feedback_page import FeedbackExporter
from autoencoder_grader.nbgrader_steps.formgrader_doors import close_doors
from autoencoder_grader.nbgrader_steps.formgrader_page import do_without_mathjax
from autoencoder_grader.nbgrader_steps.harmless_page import FILTERS, HarmlessPage
from autoencoder_grader.nbgrader_steps.late import LatePointsPerDay
from autoencoder_grader.nbgrader_steps.nbgrader_api import make_alembic_reachable
from autoencoder_grader.nbgrader_steps.release import release_preprocessors
from autoencoder_grader.nbgrader_steps.repair import RepairFromRelease
from autoencoder_grader.nbgrader_steps.scores import SaveScores
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import Execute, SaveAutoGrades

c = get_config()  # noqa: F821 - nbgrader puts this name here

make_alembic_reachable()
close_doors()  # of formgrader, for files that were handed in
do_without_mathjax()  # where the network does not reach it

# The course is where this file lies, whatever folder a command is started in; its gradebook too.
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "autoencoders"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"

# Release: faded stubs instead of "YOUR CODE HERE", and nothing but the notebook leaves solutions/.
c.GenerateAssignment.preprocessors = [*release_preprocessors(), KeepOnlyNotebooks]
c.GenerateAssignment.create_assignment = True

# Grading: nbgrader copies every file of solutions/ over a submission; trained weights must stay the
# learner's own.
c.Autograde.sanitize_preprocessors = [
    RepairFromRelease,
    *Autograde.sanitize_preprocessors.default(),
    KeepSubmittedFiles,
]
# Points come from the scoring process, never from what a cell printed: docs/how-grading-works.md.
c.Autograde.autograde_preprocessors = [
    {Execute: SealedExecute, SaveAutoGrades: SaveScores}.get(step, step)
    for step in Autograde.autograde_preprocessors.default()
]
c.Autograde.create_student = True

# Late submissions: points off for each day begun after the due date and the grace period. 0: none. `grade`
# works it out anew for everybody when you change this or a due date; nothing is run again for it.
c.AssignLatePenalties.plugin_class = LatePointsPerDay
c.LatePointsPerDay.points_per_day = 0.0
c.LatePointsPerDay.grace_hours = 0.0
# By whose clock: "recorded first", what the exchange or handed_in.csv says, else the student's own timestamp.txt, which
# the report then names; "recorded only": without a record nobody is late; "timestamp.txt": that file alone.
c.TimeOfSubmission.source = "recorded first"

# `nbgrader export` writes what `autoencoder-course export` writes; with
# --exporter=autoencoder_grader.nbgrader_steps.export.MoodleExport or .CanvasExport for these platforms. What they call an
# assignment, where it is not nbgrader's name for it:
# c.CanvasExport.column_names = {"01_dense_autoencoder": "Dense autoencoder (4711)"}
c.ExportApp.plugin_class = CsvExport

# A learner without weights trains while being graded: a cell may take half an hour, not nbgrader's 30
# seconds.
c.SealedExecute.kernel_name = "python3"
# Or each kernel warns in the terminal that it talks over TCP.
c.SealedExecute.extra_arguments = ["--log-level=ERROR"]
c.SealedExecute.timeout = 1800
# A busy machine takes its time to import TensorFlow and to hand over a figure.
c.SealedExecute.startup_timeout = 180
c.SealedExecute.iopub_timeout = 60

# What a submission may use, where not as sandbox.Limits says, which lists all names; as:
# c.SealedExecute.limits = {"memory": 2 << 30, "processor_seconds": 3600}

# A learner's text is shown on feedback pages and in formgrader; no script of it may run there, and
# nothing of it be taken for a part of the page. However long or odd it is, the page is drawn.
c.HTMLExporter.filters = FILTERS
c.HTMLExporter.preprocessors = [HarmlessPage]
c.GenerateFeedback.exporter_class = FeedbackExporter
# A feedback page is for reading: the weights stay in autograded/.
c.GenerateFeedback.preprocessors = [*GenerateFeedback.preprocessors.default(), DropWeights]
