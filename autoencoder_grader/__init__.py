"""What an instructor runs: release, demo, grading, measuring the reference values.

Imports autoencoder_helpers; nothing in autoencoder_helpers ever imports this package.
"""

from autoencoder_helpers import old_names

#: What a course folder's nbgrader_config.py, a script of its own or a server's settings may name.
MOVED = {
    "companions": "nbgrader_steps.companions",
    "execution": "nbgrader_steps.execution",
    "export": "nbgrader_steps.export",
    "feedback_page": "nbgrader_steps.feedback_page",
    "grading": "engine.grading",
    "harmless": "nbgrader_steps.harmless",
    "late": "nbgrader_steps.late",
    "nbgrader_api": "nbgrader_steps.nbgrader_api",
    "outcome": "nbgrader_steps.outcome",
    "release": "nbgrader_steps.release",
    "repair": "nbgrader_steps.repair",
    "sandbox": "kernels.sandbox",
    "saving": "learning.saving",
    "scores": "nbgrader_steps.scores",
}
old_names.keep(__name__, MOVED)
