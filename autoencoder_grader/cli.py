"""The console command `autoencoder-course`: one sub-command for each job of the course.

Each sub-command imports what it needs when it runs, so that `--help` answers at once.
"""

import sys
from pathlib import Path

import click
from autoencoder_grader.files.imports import leave_out_unneeded
from autoencoder_helpers.errors import CourseError

#: Commands that run notebooks, or open them.
_RUN_NOTEBOOKS = ("book", "demo", "grade", "lab", "references", "validity")


class _OneLine(click.ClickException):
    """A CourseError on its way out: one line on stderr, exit code 1."""

    exit_code = 1

    def show(self, file=None):
        """Print the message on stderr in one line, whatever whitespace it carries."""
        click.echo("autoencoder-course: " + " ".join(self.message.split()), file=file, err=True)


class _CourseGroup(click.Group):
    """A click group in which SIGTERM is Ctrl-C.

    A CourseError, or a package that only instructors install and nobody has, ends the command without a traceback.
    """

    def invoke(self, ctx):
        from autoencoder_grader.files.stopping import as_ctrl_c

        try:
            with as_ctrl_c():
                return super().invoke(ctx)
        except CourseError as error:
            raise _OneLine(str(error)) from error
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if not missing or missing.startswith("autoencoder_"):
                raise
            raise _OneLine(
                f"{missing} is missing in the Python of {sys.prefix}, as it is where only a learner's part was "
                f'installed: {sys.executable} -m pip install "autoencoder-course[grader]"'
            ) from error


@click.group(cls=_CourseGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Top folder of the course. Default: the one at or above the current folder.",
)
@click.version_option(package_name="autoencoder-course", prog_name="autoencoder-course")
@click.pass_context
def main(ctx, course):
    """Run the autoencoder course: learn, release, grade, measure."""
    leave_out_unneeded()
    ctx.obj = course


def _course(ctx) -> Path:
    """Return the course folder that --course names, or the one found from here.

    Raises CourseError when there is none, or when this Python lacks what the command's notebooks import.
    """
    from autoencoder_grader.course import find_course
    from autoencoder_helpers import surroundings

    if ctx.info_name in _RUN_NOTEBOOKS and (trouble := surroundings.trouble()):
        raise CourseError(trouble)
    return find_course(ctx.obj)


@main.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Where the demo class works. Default: demo/ in the course folder.",
)
@click.pass_context
def demo(ctx, folder):
    """Release, hand in, grade and tabulate a small demo class."""
    course = _course(ctx)
    from autoencoder_grader.demo.run import run_demo

    ctx.exit(run_demo(folder or course / "demo", course).exit_code)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. Default: JupyterLab's own.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def lab(ctx, no_browser, port, jupyter_options):
    """Open JupyterLab on your copy of the chapters, in work/.

    Chapters that are not in work/ yet are copied there; what is there already is never overwritten.
    It opens with the chapter that you saved last. Any JUPYTER_OPTIONS are passed on to JupyterLab.
    """
    from autoencoder_grader.learning.lab import open_jupyterlab, prepare_work

    course = _course(ctx)
    work = course / "work"
    for line in prepare_work(course / "notebooks", work):
        click.echo(line)
    click.echo(
        "JupyterLab opens in your browser, or at the address below. Ctrl-C, here, stops it; what you saved stays."
    )
    ctx.exit(open_jupyterlab(work, browser=not no_browser, port=port, options=jupyter_options))


@main.command()
@click.argument("chapters", nargs=-1)
@click.option("--run", is_flag=True, help="Run the saved notebooks from top to bottom, as grading does: minutes.")
@click.pass_context
def progress(ctx, chapters, run):
    """Say how far you are in work/: which checks pass, points so far, what is next (default: all CHAPTERS).

    Without --run it reads what the saved notebooks show, so save first. A chapter without any check that was run is one
    line, unless it is named.
    """
    from autoencoder_grader.learning.standing import notebooks_of, run_standing, saved_standing
    from rich.console import Console

    course, console = _course(ctx), Console(stderr=True)
    for path in notebooks_of(course / "work", chapters):
        if not run:
            found = saved_standing(path)
            click.echo(repr(found) if found.begun or chapters else found.in_one_line())
            continue
        with console.status(path.stem) as status:
            found = run_standing(path, lambda done, cells: status.update(f"{path.stem}: cell {done + 1} of {cells}"))  # noqa: B023 - called before the next one
        click.echo(repr(found))


@main.command()
@click.argument("chapter")
@click.pass_context
def answer(ctx, chapter):
    """Show a good answer to a CHAPTER's written question, once your own is written in work/ and saved."""
    from autoencoder_grader.learning.model_answers import model_answer
    from autoencoder_grader.learning.standing import notebooks_of

    course = _course(ctx)
    (own,) = notebooks_of(course / "work", [chapter])
    click.echo(model_answer(own, *(course / kind / chapter / own.name for kind in ("notebooks", "solutions"))))


@main.command()
@click.argument("chapters", nargs=-1)
@click.pass_context
def release(ctx, chapters):
    """Make notebooks/ again from solutions/ (default: all CHAPTERS)."""
    course = _course(ctx)
    from autoencoder_grader.nbgrader_steps.release import make_release

    for path in make_release(course, chapters):
        click.echo(f"released {path}")


@main.command()
@click.option("--handouts", is_flag=True, help="In its place, make a handout of each chapter, to print.")
@click.pass_context
def book(ctx, handouts):
    """Build the book of the course (minutes, later seconds).

    It comes into docs/_build. A chapter runs when its code, or what that depends on, has changed.
    Exit code 1: it was not built, and the lines say why. 130: stopped by Ctrl-C; the same command goes on.
    """
    from rich.console import Console

    course, console = _course(ctx), Console(stderr=True)
    from autoencoder_grader.book.building import ask_for_sphinx, build_book

    ask_for_sphinx()
    from autoencoder_grader.book.handout import write_handouts

    def show(chapter, done, cells):
        if not done:
            click.echo(f"runs {chapter}")
        status.update(f"{chapter}: cell {done + 1} of {cells}")

    try:
        with console.status("builds the book") as status:
            made = write_handouts(course, show) if handouts else [build_book(course, show)]
    except KeyboardInterrupt:
        click.echo("Stopped: the chapters that ran are kept. The same command goes on.")
        ctx.exit(130)
    for page in made:
        click.echo(f"{'a handout' if handouts else 'the book'}: {page}")


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def references(ctx, options):
    """Measure the reference values again (hours)."""
    # Its options belong to the module that measures; importing it only now keeps this file's --help quick.
    from autoencoder_grader.references.command import command

    command.main(args=list(options), prog_name=ctx.command_path, standalone_mode=False)


@main.command()
@click.argument("archives", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be put where, and change nothing.")
@click.option(
    "--who",
    multiple=True,
    metavar="NAME=STUDENT",
    help="Whom a name in the download stands for, where the roster does not tell (repeatable).",
)
@click.pass_context
def collect(ctx, archives, dry_run, who):
    """Put what Moodle, Canvas or mails bring (ARCHIVES) into submitted/.

    An archive is a download of a whole class, a folder with an archive or a folder for each student, or one student's
    archive. What is in its place already stays; nothing is ever written over.

    Exit code 0: everything is in its place. 1: something has none, and a line says why. 3: the machine failed, and the
    same command goes on. 130: stopped by Ctrl-C; the same command goes on.
    """
    course = _course(ctx)
    from autoencoder_grader.arrivals.collecting import collect as collect_archives
    from autoencoder_grader.arrivals.showing import print_collected
    from rich.console import Console

    names = dict(name.rpartition("=")[::2] for name in who)
    if not all(names) or not all(names.values()):
        raise CourseError("--who takes a name in the download and a student, as in --who 'Ada L.=ada'")
    try:
        with Console(stderr=True).status("collects") as status:
            result = collect_archives(
                course,
                archives,
                names,
                dry_run=dry_run,
                show=lambda done, number, _: status.update(f"collects: student {done + 1} of {number}"),
            )
    except KeyboardInterrupt:
        click.echo("Stopped: what is in its place is there as a whole. The same command goes on.")
        ctx.exit(130)
    print_collected(result, Console(), dry_run)
    ctx.exit(result.exit_code)


@main.command()
@click.argument("assignments", nargs=-1)
@click.option("--student", "students", multiple=True, help="Grade only this student (repeatable).")
@click.option("--again", is_flag=True, help="Grade also what was graded before and has not changed.")
@click.option("--check", metavar="NAME", help="Grade this check again, as dense.encoder; all other scores stay.")
@click.option("--dry-run", is_flag=True, help="Say what would be graded, and change nothing.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="So many submissions at the same time. Default: as this machine has cores and memory for.",
)
@click.option("--every-cell", is_flag=True, help="Run also the cells on which no point depends, for their pictures.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Use the workers of this Dask scheduler, as tcp://10.0.0.1:8786.",
)
@click.option(
    "--i-trust-these-submissions",
    "trusted",
    is_flag=True,
    help="Where there is no sandbox, run them without one: with your rights, and with your files in reach.",
)
@click.pass_context
def grade(ctx, assignments, students, again, check, dry_run, workers, every_cell, scheduler, trusted):
    """Grade what lies in submitted/ (default: all ASSIGNMENTS).

    Exit code 0: everything is graded. 1: something cannot be graded, and a line says why. 3: the machine failed
    some, and the same command tries again. 130: stopped by Ctrl-C; the same command goes on.
    """
    try:
        chosen = {"again": again, "check": check, "dry_run": dry_run, "trusted": trusted, "scheduler": scheduler}
        if every_cell:  # else as nbgrader_config.py says
            chosen["settings"] = {"every_cell": True}
        ctx.exit(_grade(_course(ctx), assignments, students, workers, chosen))
    except KeyboardInterrupt as stop:
        # Before and after the grading itself, which has a line of its own.
        if type(stop) is KeyboardInterrupt:
            click.echo("Stopped: all is kept. The same command goes on.")
        ctx.exit(130)


def _grade(course: Path, assignments, students, workers: int | None, chosen: dict) -> int:
    """Grade, print what came of it, and return the exit code."""
    from autoencoder_grader.engine.cluster import fitting_workers
    from autoencoder_grader.engine.grading import grade as grade_submissions
    from autoencoder_grader.results.graded_notebooks import read_results
    from autoencoder_grader.results.table import ending, print_summary, print_table
    from rich.console import Console

    console = Console()
    workers = workers or fitting_workers()
    report = grade_submissions(course, assignments, students, console=console, workers=workers, **chosen)
    if chosen["dry_run"]:
        for line in report.planned:
            click.echo(line)
        cannot = f", {len(report.problems)} cannot be graded" if report.problems else ""
        click.echo(f"{len(report.planned)} to be graded, {len(report.unchanged)} unchanged{cannot}")
        return report.exit_code
    if report.graded or report.unchanged:
        now = [(submission.student, submission.assignment) for submission in report.graded]
        print_table(read_results(course), console, now)
    if report.statuses or report.unchanged:
        print_summary(report, console)
    if report.grades:
        click.echo(f"feedback pages: {report.feedback}")
        click.echo(f"points of all:  {report.grades}")
    click.echo(ending(report))
    return report.exit_code


@main.command()
@click.argument("assignments", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--no-backup", is_flag=True, help="For a gradebook that is no file: you have a copy of it.")
@click.pass_context
def migrate(ctx, assignments, dry_run, no_backup):
    """Take the gradebook along with solutions/ (default: all ASSIGNMENTS).

    For when graded cells were added or taken away after submissions came in. Scores of cells that stayed are kept, and all
    that people gave by hand; a copy of the gradebook as it was comes into .grading/backups/. Then run `grade`.
    """
    course = _course(ctx)
    from autoencoder_grader.engine.migration import migrate as take_along
    from autoencoder_grader.engine.records import RECORDS, locked

    with locked(course):
        changes, kept = take_along(course, course / RECORDS, assignments, dry_run=dry_run, backup=not no_backup)
    for change in changes:
        click.echo(change)
    for path in kept:
        click.echo(f"kept: {path}")
    if not changes:
        click.echo("The gradebook has the cells of solutions/ already.")
    elif not dry_run:
        click.echo("The gradebook is taken along: now run `autoencoder-course grade`.")


@main.command()
@click.option(
    "--format",
    "file_format",
    type=click.Choice(("csv", "moodle", "canvas")),
    default="csv",
    show_default=True,
    help="Plain CSV, or what Moodle or Canvas imports into its gradebook.",
)
@click.option("--assignment", "assignments", multiple=True, help="Only this assignment (repeatable).")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="The file to write. Default: grades.csv, moodle.csv or canvas.csv in the course folder.",
)
@click.pass_context
def export(ctx, file_format, assignments, to):
    """Write the grades for Moodle, for Canvas or as plain CSV."""
    course = _course(ctx)
    from autoencoder_grader.nbgrader_steps.export import FORMATS, export_grades
    from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api

    to = to or course / FORMATS[file_format].default_name
    written, remarks = export_grades(open_api(course), to, file_format, assignments)
    for line in remarks:
        click.echo(f"autoencoder-course: {line}", err=True)
    click.echo(f"grades: {written}")


@main.command()
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="The page to write. Default: build/report.html in the course folder.",
)
@click.pass_context
def report(ctx, to):
    """Write a page about the class: points, mistakes, what needs a person."""
    course = _course(ctx)
    from autoencoder_grader.results.report import write_report
    from autoencoder_grader.results.watching import watched

    if to is None:
        to = course / "build" / "report.html"
        to.parent.mkdir(exist_ok=True)
    click.echo(f"report: {write_report(course, to, watched)}")


@main.command()
@click.argument("cases", nargs=-1)
@click.option("--seeds", default=1, show_default=True, help="Score on the private data of so many secret seeds.")
@click.option("--processes", default=2, show_default=True, help="So many grade at the same time.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Where it works. Default: build/validity in the course folder.",
)
@click.option("--stock", is_flag=True, help="Grade as nbgrader does by itself, with the tests in the kernel.")
@click.option("--whole", is_flag=True, help="Hand in whole notebooks, with the cells that only show.")
@click.option("--every-cell", is_flag=True, help="The same, and run every cell of them.")
@click.pass_context
def validity(ctx, cases, seeds, processes, folder, **how):
    """Grade the corpus of made-up submissions; compare points and named mistakes (default: all CASES)."""
    from autoencoder_grader.validity.report import run_validity, summary, write_report
    from rich.console import Console
    from rich.table import Table

    course = _course(ctx)
    folder = folder or course / "build" / "validity"
    verdicts, complaints = run_validity(
        course, folder, cases, more_seeds=seeds - 1, workers=processes, say=click.echo, **how
    )
    columns = ("kind", "cases", "false passes", "false fails", "wrong amounts", "other mistakes")
    table = Table(*columns, title="Checks with other points, or with another mistake named")
    for kind, *counts in summary(verdicts):
        table.add_row(kind, *map(str, counts))
    Console().print(table)
    for verdict in verdicts:
        if verdict.fault:
            found, expected = verdict.found, verdict.expected
            if verdict.fault == "other mistake":
                found, expected = (", ".join(slugs) or "none" for slugs in (verdict.named, verdict.to_name))
            click.echo(f"{verdict.fault}: {verdict.case}, {verdict.check}: {found}, expected {expected}")
    for line in complaints:
        click.echo(f"other status: {line}")
    report = folder / f"{next((name for name in ('stock', 'every_cell', 'whole') if how[name]), 'report')}.json"
    write_report(report, verdicts, complaints)
    click.echo(f"all verdicts: {report}")
    ctx.exit(1 if complaints or any(verdict.fault for verdict in verdicts) else 0)


@main.command()
@click.option("--learner", is_flag=True, help="Try out whether the chapters run here; grading is not asked for.")
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.pass_context
def doctor(ctx, learner, as_json):
    """Try out whether this machine can grade; say what is missing."""
    from autoencoder_grader.learning import findings as made

    if learner:
        from autoencoder_grader.learning.looks import learners_looks

        each, verdict = made.looked(learners_looks()), ("The chapters run here.", "The chapters do not run here.")
    else:
        from autoencoder_grader.doctor import examine

        course, trouble = None, ""
        try:
            course = _course(ctx)
        except CourseError as error:
            trouble = str(error)
        each, verdict = examine(course, trouble), ("This machine can grade.", "This machine cannot grade.")
    findings = []
    for finding in each:
        findings.append(finding)
        if not as_json:
            click.echo(made.as_lines(finding, "learning" if learner else "grading"))
    able = made.able(findings)
    click.echo(made.as_json(findings) if as_json else verdict[not able])
    ctx.exit(0 if able else 1)


@main.group()
def kernelspec():
    """Offer the sandbox to other programs, as a Jupyter kernel."""


@kernelspec.command()
@click.option("--user", "prefix", flag_value="", default=True, help="For this user. This is the default.")
@click.option("--sys-prefix", "prefix", flag_value=sys.prefix, help="For this Python environment.")
@click.option("--prefix", type=click.Path(file_okay=False), help="Below this folder, in share/jupyter/kernels.")
def install(prefix):
    """Install the kernel autoencoder-sandbox.

    Then `nbgrader autograde --Execute.kernel_name=autoencoder-sandbox`, nbclient and JupyterLab can run notebooks in
    the sandbox: on a copy of the notebook's folder, to which new files are copied when the kernel ends.
    """
    from autoencoder_grader.kernels.spec import install as install_kernelspec

    click.echo(f"installed {install_kernelspec(prefix or None)}")


@main.command(name="help")
@click.pass_context
def help_command(ctx):
    """List the sub-commands."""
    click.echo(ctx.parent.get_help())


if __name__ == "__main__":
    main()
