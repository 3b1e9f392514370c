"""The rows of nbgrader's gradebook that a graded submission has, read and written in few statements.

nbgrader's own objects load each row, and what belongs to it, one after another: most of what the engine took for a
submission was that. The tables are nbgrader's, and so are the defaults of their columns.
"""

from __future__ import annotations

from autoencoder_grader.engine.orders import Given, Graded
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import parse_utc
from sqlalchemy import bindparam, select, update

_GRADES, _COMMENTS = Grade.__table__, Comment.__table__
_GRADED_CELLS, _COMMENTED_CELLS = ("GradeCell", "TaskCell"), ("SolutionCell", "TaskCell")


def given(session, student: str, assignment: str, only: str | None = None) -> Given:
    """What people have entered for a submission. only: a graded cell; automatic scores of all others are kept."""
    submissions = SubmittedAssignment.__table__
    due = session.execute(select(Assignment.duedate).where(Assignment.name == assignment)).scalar_one()
    due = due.isoformat() if due else None
    row = session.execute(
        select(submissions.c.id, submissions.c.extension)
        .join(Assignment, Assignment.id == submissions.c.assignment_id)
        .where(Assignment.name == assignment, submissions.c.student_id == student)
    ).one_or_none()
    if row is None:
        return Given(due=due)
    grades, comments = (
        session.execute(
            select(BaseCell.name, table)
            .join_from(table, BaseCell, BaseCell.id == table.c.cell_id)
            .join(SubmittedNotebook, SubmittedNotebook.id == table.c.notebook_id)
            .where(SubmittedNotebook.assignment_id == row.id)
        ).all()
        for table in (_GRADES, _COMMENTS)
    )
    return Given(
        {
            grade.name: (grade.manual_score, grade.extra_credit)
            for grade in grades
            if grade.manual_score is not None or grade.extra_credit is not None
        },
        {comment.name: comment.manual_comment for comment in comments if comment.manual_comment},
        due,
        row.extension.total_seconds() if row.extension else None,
        {grade.name: grade.auto_score for grade in grades if only not in (None, grade.name)},
    )


def write(session, graded: Graded) -> None:
    """Write the scores, the comments and the penalty of a submission; the caller commits.

    Rows that are missing are made as nbgrader makes them. What people have entered stays.
    """
    for notebook, name in _notebooks(session, graded):
        released = select(BaseCell.id, BaseCell.name, BaseCell.type).where(BaseCell.notebook_id == notebook.notebook_id)
        cells = session.execute(released).all()
        whole = name == graded.assignment  # the others, if there are any, have no scores of ours
        _write_grades(session, notebook.id, cells, graded.grades if whole else {})
        _write_comments(session, notebook.id, cells, graded.comments if whole else {})
        if whole:
            notebooks = SubmittedNotebook.__table__
            penalty = update(notebooks).where(notebooks.c.id == notebook.id)
            session.execute(penalty.values(late_submission_penalty=graded.penalty))


def _notebooks(session, graded: Graded) -> list[tuple]:
    """(the row, its name) of each submitted notebook."""
    assignment = session.execute(select(Assignment.id).where(Assignment.name == graded.assignment)).scalar_one()
    submission = _submission(session, graded, assignment)
    notebooks = SubmittedNotebook.__table__
    names = dict(session.execute(select(Notebook.id, Notebook.name).where(Notebook.assignment_id == assignment)).all())
    query = select(notebooks.c.id, notebooks.c.notebook_id).where(notebooks.c.assignment_id == submission)
    rows = session.execute(query).all()
    missing = set(names) - {row.notebook_id for row in rows}
    if missing:
        new = [{"notebook_id": notebook, "assignment_id": submission} for notebook in sorted(missing)]
        session.execute(notebooks.insert(), new)
        rows = session.execute(query).all()
    return [(row, names[row.notebook_id]) for row in rows if row.notebook_id in names]


def _submission(session, graded: Graded, assignment: str) -> str:
    """The id of the submission."""
    if session.execute(select(Student.id).where(Student.id == graded.student)).first() is None:
        session.execute(Student.__table__.insert().values(id=graded.student))
    submissions = SubmittedAssignment.__table__
    this = (submissions.c.assignment_id == assignment) & (submissions.c.student_id == graded.student)
    facts = {"timestamp": parse_utc(graded.timestamp)} if graded.timestamp else {}
    found = session.execute(select(submissions.c.id).where(this)).scalar_one_or_none()
    if found is None:
        session.execute(submissions.insert().values(assignment_id=assignment, student_id=graded.student, **facts))
        return session.execute(select(submissions.c.id).where(this)).scalar_one()
    if facts:
        session.execute(update(submissions).where(this).values(**facts))
    return found


def _write_grades(session, notebook: str, cells, grades: dict[str, tuple[float | None, bool]]) -> None:
    query = select(_GRADES.c.cell_id, _GRADES.c.manual_score).where(_GRADES.c.notebook_id == notebook)
    by_hand = dict(session.execute(query).all())
    new, changed = [], []
    for cell in cells:
        if cell.type not in _GRADED_CELLS:
            continue
        score, look = grades.get(cell.name, (None, True))
        if cell.id not in by_hand:
            new.append({"cell_id": cell.id, "notebook_id": notebook, "auto_score": score, "needs_manual_grade": look})
        elif cell.name in grades:
            changed.append({"cell": cell.id, "score": score, "look": look or by_hand[cell.id] is not None})
    if new:
        session.execute(_GRADES.insert(), new)
    if changed:
        this = (_GRADES.c.notebook_id == notebook) & (_GRADES.c.cell_id == bindparam("cell"))
        values = {"auto_score": bindparam("score"), "needs_manual_grade": bindparam("look")}
        session.connection().execute(update(_GRADES).where(this).values(values), changed)


def _write_comments(session, notebook: str, cells, comments: dict[str, str | None]) -> None:
    have = set(session.scalars(select(_COMMENTS.c.cell_id).where(_COMMENTS.c.notebook_id == notebook)))
    new, changed = [], []
    for cell in cells:
        if cell.type not in _COMMENTED_CELLS:
            continue
        text = comments.get(cell.name)
        if cell.id not in have:
            new.append({"cell_id": cell.id, "notebook_id": notebook, "auto_comment": text})
        elif cell.name in comments:
            changed.append({"cell": cell.id, "text": text})
    if new:
        session.execute(_COMMENTS.insert(), new)
    if changed:
        this = (_COMMENTS.c.notebook_id == notebook) & (_COMMENTS.c.cell_id == bindparam("cell"))
        session.connection().execute(update(_COMMENTS).where(this).values(auto_comment=bindparam("text")), changed)
