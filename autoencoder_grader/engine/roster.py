"""Keeps a folder in submitted/ from becoming a second student beside the one of the roster whom people take it for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autoencoder_grader.engine.submissions import Submission
from autoencoder_grader.nbgrader_steps.same_names import alike, folded


def told_apart(
    found: list[Submission], submitted: Path, students: Iterable[str]
) -> tuple[list[Submission], list[str], list[str]]:
    """The submissions without those whose folder is a student's of the roster but for case, blanks or the form of its
    letters, a line for each such name, and a line for each that is graded and still may be another student's.

    students: those in the gradebook. A folder that was graded under its name before is graded again.
    """
    students = set(students)
    folders = sorted({submission.student for submission in found})
    by_name = {folded(student): student for student in sorted(students) if student not in folders}
    lines, notes, left = [], [], set()
    for folder in folders:
        meant = by_name.get(folded(folder))
        if meant and folder not in students:
            left.add(folder)
            lines.append(
                f"{submitted / folder}: the roster has {meant!r}, the same name but for case, blanks or the form of its "
                f"letters: rename the folder to {meant}; it is not graded until then"
            )
        elif meant:
            notes.append(f"{submitted / folder}: {_twice([folder, meant])}; rename the folder to the right one")
    for names in alike(set(folders) - left):
        notes.append(f"{submitted / names[0]}: {_twice(names)}; put what is one student's into one folder")
    return [submission for submission in found if submission.student not in left], lines, notes


def _twice(names: list[str]) -> str:
    return f"{' and '.join(map(repr, names))} are two students, though their names differ in nothing that one hears"
