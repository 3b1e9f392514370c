"""Grades for other programs: export plugins of nbgrader for plain CSV, Moodle and Canvas.

`autoencoder-course export` and `nbgrader export --exporter=autoencoder_grader.nbgrader_steps.export.MoodleExport` write the
same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_grader.nbgrader_steps.grades import Grade, Person, assignments_of, read_grades
from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from autoencoder_grader.nbgrader_steps.late import late_policy
from autoencoder_grader.nbgrader_steps.nbgrader_api import has_gradebook
from autoencoder_grader.nbgrader_steps.same_names import alike
from autoencoder_grader.nbgrader_steps.spreadsheet import csv_text, harmless_cell
from autoencoder_helpers.checks.result import format_points
from autoencoder_helpers.errors import CourseError
from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Dict, Enum, Unicode

_MOST_NAMES = 10  # that one line lists
_POINTS_POSSIBLE = re.compile(r"points\s+possible", re.IGNORECASE)


class GradesExport(ExportPlugin):
    """What all our formats have in common; a format says what its rows are."""

    default_name = "grades.csv"

    def export(self, gradebook: Gradebook) -> None:
        """Write the file; what an instructor should know goes to the log. This is what nbgrader calls."""
        for line in self.write(gradebook):
            self.log.warning(line)

    def write(self, gradebook: Gradebook) -> list[str]:
        """Write the file `self.to`, whole or not at all; return a line for each thing an instructor should
        know.

        Raises CourseError when an assignment or a student is not in the gradebook, when the file cannot be
        written, and when its rows would not be what the importer expects.
        """
        assignments = assignments_of(gradebook, [str(name) for name in self.assignment])
        students = [str(name) for name in self.student]
        known = {student.id for student in gradebook.students}
        for name in students:
            if name not in known:
                raise CourseError(f"no student {name!r} in the gradebook")
        grades = list(read_grades(gradebook, late_policy(self), assignments, students))
        rows, remarks = self.rows(grades)
        write_whole_text(Path(self.to or self.default_name), csv_text(rows))
        return [*remarks, *_unfinished(grades), *_alike(grades)]

    def rows(self, grades: list[Grade]) -> tuple[list[list[str]], list[str]]:
        """Return the rows of the file, the columns' names first, and lines about what is not in it."""
        raise NotImplementedError


class CsvExport(GradesExport):
    """One line for each assignment and student, in the columns of nbgrader's own CsvExportPlugin."""

    def rows(self, grades):
        """Return the rows; who has no points yet, for one because nothing was handed in, has no score."""
        rows = [
            [
                "assignment",
                "duedate",
                "timestamp",
                "student_id",
                "last_name",
                "first_name",
                "email",
                "raw_score",
                "late_submission_penalty",
                "score",
                "max_score",
            ]
        ]
        for grade in grades:
            scores = [grade.raw_points, grade.penalty, grade.points]
            student = grade.student
            rows.append(
                [
                    harmless_cell("" if value is None else str(value))
                    for value in (
                        grade.assignment,
                        grade.due,
                        grade.timestamp,
                        student.id,
                        student.last_name,
                        student.first_name,
                        student.email,
                        *(scores if grade.graded else ["", "", ""]),
                        grade.max_points,
                    )
                ]
            )
        return rows, []


class _ColumnsExport(GradesExport):
    """One line for each student and one column for each assignment, as learning platforms import them."""

    column_names = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="What the platform calls an assignment, by nbgrader's name for it.",
    ).tag(config=True)

    def rows(self, grades):
        """Return the rows of the students whom the platform will know, and a line about the others."""
        by_assignment = defaultdict(list)
        for grade in grades:
            by_assignment[grade.assignment].append(grade)
        # A column of an assignment that nobody has handed in would make an empty one on the platform.
        if not self.assignment:
            used = {name: own for name, own in by_assignment.items() if any(grade.graded for grade in own)}
            by_assignment = used or by_assignment
        assignments = list(by_assignment)
        points = {(grade.student.id, grade.assignment): _points(grade) for grade in grades}
        people = list(dict.fromkeys(grade.student for grade in grades))
        lacking = [person for person in people if not self.identifies(person)]
        known = [person for person in people if self.identifies(person)]
        if not known:
            raise CourseError(
                f"no student has {self.needs} in the gradebook, so nobody would be in the file: see "
                "`nbgrader db student import`"
            )
        _refuse_doubles(known, self.identity)
        rows = [
            [*self.columns, *(harmless_cell(self.column_names.get(name, name)) for name in assignments)],
            *self.rows_above([by_assignment[name][0].max_points for name in assignments]),
            *([*self.person(person), *(points[person.id, name] for name in assignments)] for person in known),
        ]
        remarks = []
        if lacking:
            remarks.append(f"not in the file, without {self.needs} in the gradebook: {_names(lacking)}")
        return rows, remarks

    #: Names of the columns that say who somebody is.
    columns: tuple[str, ...] = ()
    #: What the platform finds a student by, in words.
    needs = ""

    def identity(self, person: Person) -> str:
        """Return the text by which the platform finds a student."""
        raise NotImplementedError

    def identifies(self, person: Person) -> bool:
        """Say whether the platform can find a student by the identity as it stands."""
        # An importer compares it: with an apostrophe before it, it would be somebody else's, or nobody's.
        return bool(self.identity(person)) and harmless_cell(self.identity(person)) == self.identity(person)

    def person(self, person: Person) -> list[str]:
        """Return the cells below `columns` for a student."""
        raise NotImplementedError

    def rows_above(self, max_points: list[float]) -> list[list[str]]:
        """Return rows that stand between the columns' names and the students."""
        return []


class MoodleExport(_ColumnsExport):
    """Moodle's gradebook: Grades, Import, CSV file. The columns are some of Moodle's own CSV export, and the
    username.

    Moodle finds a student by one column that one chooses while importing. It gives the grades of a line whose
    cell in that column is empty to the student of the line before: no such line may be in the file.
    """

    default_name = "moodle.csv"
    columns = ("First name", "Last name", "Username", "ID number", "Email address")
    identify_by = Enum(
        ("email", "lms_user_id", "id"),
        "email",
        help="Which entry of nbgrader's student records Moodle finds a student by: the email address, "
        "lms_user_id as Moodle's ID number, or id as Moodle's username.",
    ).tag(config=True)

    @property
    def needs(self) -> str:
        """What Moodle finds a student by, in words."""
        usable = "that can be imported"
        return {
            "email": f"an email address {usable}",
            "lms_user_id": "an lms_user_id",
            "id": f"an id {usable}",
        }[self.identify_by]

    def identity(self, person):
        """Return the entry that Moodle finds a student by."""
        return getattr(person, self.identify_by).strip()

    def identifies(self, person):
        """Say whether Moodle can find a student by the entry."""
        return super().identifies(person) and (self.identify_by != "email" or "@" in person.email)

    def person(self, person):
        """Return name, username, ID number and email address."""
        texts = (person.first_name, person.last_name, person.id, person.lms_user_id, person.email)
        return [harmless_cell(text) for text in texts]


class CanvasExport(_ColumnsExport):
    """Canvas's gradebook: Grades, Import. The columns are those of Canvas's own export.

    Canvas looks for a student by ID, then by SIS User ID, then by SIS Login ID, and then by name. The second
    line sets the points possible of each assignment.
    """

    default_name = "canvas.csv"
    columns = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    lms_user_id_is = Enum(
        ("ID", "SIS User ID"),
        "ID",
        help="Which of Canvas's columns takes lms_user_id: ID is Canvas's own number for a user, "
        "SIS User ID is the institution's.",
    ).tag(config=True)

    @property
    def needs(self) -> str:
        """What Canvas finds a student by, in words."""
        return "a number as lms_user_id" if self.lms_user_id_is == "ID" else "an lms_user_id"

    def identity(self, person):
        """Return Canvas's or the institution's id."""
        return person.lms_user_id.strip()

    def identifies(self, person):
        """Say whether Canvas can find a student by the id; Canvas would read 12ab as the user 12."""
        digits = person.lms_user_id.strip()
        return super().identifies(person) and (self.lms_user_id_is != "ID" or (digits.isascii() and digits.isdigit()))

    def person(self, person):
        """Return name, ids, login and an empty section, which Canvas does not need."""
        name = ", ".join(part for part in (person.last_name.strip(), person.first_name.strip()) if part)
        # Canvas takes a line whose first cell has these words for the points possible. It finds people by their ids.
        name = next((text for text in (name, person.id) if text and not _POINTS_POSSIBLE.search(text)), "a student")
        ids = ("", person.lms_user_id) if self.lms_user_id_is == "SIS User ID" else (person.lms_user_id, "")
        return [harmless_cell(text) for text in (name, *ids, person.id, "")]

    def rows_above(self, max_points):
        """Return the line with the points possible, with the blanks before it that Canvas writes itself."""
        return [["    Points Possible", "", "", "", "", *map(format_points, max_points)]]


#: The formats of `autoencoder-course export` by name.
FORMATS: dict[str, type[GradesExport]] = {"csv": CsvExport, "moodle": MoodleExport, "canvas": CanvasExport}


def export_grades(api, to: Path, file_format: str = "csv", assignments: Iterable[str] = ()) -> tuple[Path, list[str]]:
    """Write the grades of the gradebook to the file `to`; return it, and a line for each thing that is not in
    it.

    api: from open_api. file_format: one of FORMATS. assignments: those wanted; all by default. The file is
    replaced as a whole, so that a reader never sees half of it. Raises CourseError when there is nothing to
    write or no place to.
    """
    if not has_gradebook(api):
        raise CourseError(f"nothing is graded yet in {api.coursedir.root}: run `autoencoder-course grade` first")
    plugin = FORMATS[file_format](parent=api, to=str(to), assignment=list(assignments))
    with api.gradebook as gradebook:
        return to, plugin.write(gradebook)


def _points(grade: Grade) -> str:
    """The points for a platform; nothing where nothing is graded, which is no zero of ours."""
    return format_points(grade.points) if grade.graded else ""


def _unfinished(grades: list[Grade]) -> list[str]:
    """Lines about what the points do not show."""
    lines = []
    ungraded = [grade for grade in grades if grade.handed_in and not grade.graded]
    if ungraded:
        lines.append(f"handed in but not graded, so without points in the file: {_submissions(ungraded)}")
    waiting = [grade for grade in grades if grade.graded and grade.waiting]
    if waiting:
        lines.append(f"answers that wait for a grade by hand count 0 so far: {_submissions(waiting)}")
    return lines


def _alike(grades: list[Grade]) -> list[str]:
    """Lines about students who may be one, whose folder was once named in another way than the roster does."""
    groups = alike({grade.student.id for grade in grades})
    return [
        f"two students whose names differ in nothing that one hears, perhaps one: {_listed(names)}" for names in groups
    ]


def _refuse_doubles(people: list[Person], identity: Callable[[Person], str]) -> None:
    """Raise CourseError when two students have the same identity: one would get the other's grades."""
    seen = {}
    for person in people:
        # As an importer may compare them: without case, and whichever form letters have.
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", identity(person)).casefold())
        other = seen.setdefault(key, person)
        if other is not person:
            raise CourseError(
                f"{other.id} and {person.id} are both {identity(person)!r} in the gradebook; nothing was written"
            )


def _submissions(grades: list[Grade]) -> str:
    return _listed(sorted(f"{grade.student.id}/{grade.assignment}" for grade in grades))


def _names(people: list[Person]) -> str:
    return _listed(sorted(person.id for person in people))


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    text = ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    return harmless_text(text)  # a student's name is that of a folder, which may hold anything
