"""grades.csv, through nbgrader's export plugin."""

import os
from pathlib import Path

from nbgrader.plugins import CsvExportPlugin


def export_grades(api, to: Path) -> Path:
    """Write one line for each assignment and student of the gradebook to the CSV file `to`; return it.

    api: from open_api. The file is replaced as a whole, so that a reader never sees half of it.
    """
    partial = to.with_name(to.name + ".partial")
    plugin = CsvExportPlugin(parent=api)
    plugin.to = str(partial)
    with api.gradebook as gradebook:
        plugin.export(gradebook)
    os.replace(partial, to)
    return to
