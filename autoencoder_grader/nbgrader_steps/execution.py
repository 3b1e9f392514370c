"""Runs a submission's notebook in a sandbox while the scoring process scores each check: an nbgrader preprocessor.

It takes the place of nbgrader's Execute. What a learner's code prints is kept and shown, but decides nothing: the
points of a graded cell come from the scoring process (see autoencoder_grader.scoring).
"""

from __future__ import annotations

import copy
import itertools
import os
import signal
import subprocess
import time
from dataclasses import fields
from pathlib import Path

from autoencoder_grader.files import shared
from autoencoder_grader.kernels import landlock, sandbox, trial
from autoencoder_grader.kernels.fork_server import ForkFailed
from autoencoder_grader.kernels.manager import SealedKernelManager
from autoencoder_grader.kernels.trial import kernel_server
from autoencoder_grader.kernels.workplace import Workplace
from autoencoder_grader.nbgrader_steps.companions import WEIGHTS
from autoencoder_grader.nbgrader_steps.drawing import begin_page
from autoencoder_grader.nbgrader_steps.harmless import (
    harmless_content,
    harmless_outputs,
    harmless_result,
    quoted,
)
from autoencoder_grader.nbgrader_steps.needed_cells import Plan, after_last_graded, is_known, plan
from autoencoder_grader.nbgrader_steps.outcome import (
    KEY,
    NOT_DRAWN,
    NOT_NEEDED,
    NOT_RUN,
    Outcome,
    card_output,
    no_evidence,
    too_much_to_score,
)
from autoencoder_grader.nbgrader_steps.scoring_here import scoring_process
from autoencoder_grader.scoring.process import MOST_PROCESSOR_SECONDS, ScoringFailed, TooMuchToScore
from autoencoder_helpers import load_mnist
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import charge_of
from autoencoder_helpers.errors import DataUnavailable, UnfitEnvironment
from nbclient.client import CellExecutionComplete
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade
from traitlets import Any, Bool, Dict, Integer, TraitError, validate

_MEGABYTE = 1 << 20
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL) if os.name == "posix" else ()  # the second is how a sandbox says it
_UPDATES = 10  # times as many bytes for outputs that replace others: the pictures of trainings of three hours
_MESSAGE_BYTES = 500  # that an output takes beside what it holds: so there cannot be millions of them
_OUTPUTS = ("stream", "display_data", "execute_result", "error", "update_display_data")


class SealedExecute(Execute):
    """Runs the cells of one submission, each graded one watched by the scoring process."""

    trust_submissions = Bool(False, help="Run submissions without a sandbox where there is none.").tag(config=True)
    most_output = Integer(20 * _MEGABYTE, help="Bytes of output that are kept of one notebook.").tag(config=True)
    more_seeds = Integer(0, help="Score on the private data of so many more secret seeds, to compare.").tag(config=True)
    on_workplace = Any(None, help="Called with the folder in which a submission is about to run.").tag(config=True)
    whole_timeout = Integer(3 * 3600, help="Seconds after which no further cell of a notebook is begun.").tag(
        config=True
    )
    limits = Dict(
        value_trait=Integer(),
        help="What a submission may use, where not as sandbox.Limits says: bytes, seconds or numbers, by the names there.",
    ).tag(config=True)
    every_cell = Bool(
        False, help="Run also what only shows something, and what follows the last graded cell: no point depends on it."
    ).tag(config=True)
    patience = Integer(15, help="Seconds that a kernel may take to answer after an interrupt.").tag(config=True)

    @validate("limits")
    def _known_limits(self, proposal):
        try:
            sandbox.Limits(**proposal.value)
        except TypeError:
            known = ", ".join(field.name for field in fields(sandbox.Limits))
            raise TraitError(f"SealedExecute.limits may have {known}; not {set(proposal.value)}") from None
        return proposal.value

    def preprocess(self, nb, resources, km=None):
        """Run the notebook; resources["outcome"] has the results.

        Raises CourseError where there is no sandbox, and ScoringFailed when the scoring process fails.
        """
        untouched, whole = copy.deepcopy(nb), ""
        nb, resources = self._preprocess(nb, resources, km)
        if self._doubt:
            whole = self._doubt
            del resources["outcome"]
            nb, resources = self._preprocess(copy.deepcopy(untouched), resources, km, whole)
        if self._killed:
            # By its own code, or by the machine, as when memory is short? Then it does not happen again.
            del resources["outcome"]
            nb, resources = self._preprocess(untouched, resources, km, whole or "the kernel was killed")
        return nb, resources

    def _preprocess(self, nb, resources, km, whole=""):
        """Run the notebook once. whole: why no cell that only shows may be left out."""
        coursedir = self.parent.parent.coursedir  # preprocessor -> exporter -> converter
        names = resources["nbgrader"]
        folders = [
            Path(coursedir.format_path(step, names["student"], names["assignment"]))
            for step in (coursedir.submitted_directory, coursedir.autograded_directory)
        ]
        course, log = Path(coursedir.root), Path(coursedir.root) / ".grading" / "kernels.log"
        if sandbox.require(self.trust_submissions):
            sandbox.expect_hidden(course)
        load_mnist()  # the sandbox sees the cache, but cannot fill it
        self._start_scoring = lambda: scoring_process(course, self.more_seeds, course / ".grading" / "scoring.log")
        self._scoring = self._start_scoring()
        tier = trial.require(self.trust_submissions, log)
        shared.follow(course, [log.parent])  # the next one to grade a shared course writes to these logs, too
        self._checks = {name.replace(".", "-"): name for name in catalogue()}
        self._tickets = itertools.count(1)
        self._bytes = self._updates = 0
        self._graded = []
        self._killed = False
        self._end_of_grading = len(nb.cells) if self.every_cell else after_last_graded(nb.cells)
        self._last_start = time.monotonic() + self.whole_timeout
        self._outcome = outcome = resources.setdefault("outcome", Outcome())
        outcome.sandbox = tier or sandbox.NONE
        if tier == sandbox.LANDLOCK:
            outcome.notices.append(landlock.LACKS)
        repaired = nb.metadata.pop(KEY, {})  # by RepairFromRelease
        outcome.notes += repaired.get("notes", [])
        self._doubt, self._plan = "", Plan(whole=whole)
        if not (whole or self.every_cell):
            self._plan = plan(nb.cells[: self._end_of_grading], repaired.get("only_shows", ()), _files_in(folders[0]))
        outcome.whole = self._plan.whole
        outcome.left_out += [nb.cells[place].id for place in sorted(self._plan.left_out)]
        server = kernel_server(log) if tier == sandbox.BUBBLEWRAP else None
        with Workplace(folders[0], tier, server, sandbox.Limits(**self.limits)) as self._place:
            if self._plan.left_out:
                self._place.leave_out()
            if self.on_workplace:
                self.on_workplace(self._place.home)
            nb, resources = super().preprocess(nb, resources, km)
            if not self._doubt:
                self._place.bring_back(WEIGHTS, folders[1] / WEIGHTS)
        watch = self._place.watch
        outcome.memory, outcome.processor_seconds = watch.memory, watch.processor_seconds
        begin_page()
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = harmless_outputs(cell.outputs)
        # Only now: while the kernel runs, it can change the outputs of earlier cells.
        for cell, result in self._graded:
            cell.outputs = [*_shown(cell.outputs), card_output(result)]
        resources["outcome"] = outcome
        return nb, resources

    def create_kernel_manager(self):
        """A manager whose kernel lives in the workplace."""
        manager = SealedKernelManager(kernel_name=self.kernel_name, place=self._place, parent=self)
        manager.settle()
        self.km = manager
        return manager

    def start_new_kernel(self, **kwargs):
        """Start the kernel, where no file of a learner's can take the place of a module that it needs."""
        environment = {**os.environ, **self._place.environment()}
        # What a learner's code prints comes as messages; what the kernel itself prints is for nobody.
        silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            return super().start_new_kernel(cwd=str(self._place.sockets), env=environment, **silence, **kwargs)
        except ForkFailed as error:
            raise ScoringFailed(f"{error}; run the grading again") from error

    def start_new_kernel_client(self):
        """Connect to the kernel. No code of a learner has run yet, so a failure is the machine's."""
        try:
            client = super().start_new_kernel_client()
            go_home = f"__import__('os').chdir({self._place.home_inside!r})"
            self.wait_for_reply(client.execute(go_home, silent=True, store_history=False))
        except (RuntimeError, DeadKernelError) as error:
            raise ScoringFailed(f"{trial.did_not_start(error, self._place)}; run the grading again") from error
        return client

    def preprocess_cell(self, cell, resources, index):
        """Run one cell; if it is graded, take its result from the scoring process."""
        if cell.cell_type != "code":
            return cell, resources
        if index >= self._end_of_grading:
            # Two fifths of the cells' time would go into last pictures, which the learner has (benchmarks/floor.py).
            cell.outputs = [new_output("stream", name="stdout", text=NOT_NEEDED)]
            return cell, resources
        if index in self._plan.left_out:
            cell.outputs = [new_output("stream", name="stdout", text=NOT_DRAWN)]
            return cell, resources
        if self._doubt:  # all of it is run again, whole
            return cell, resources
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        check = self._checks.get(grade_id) if is_grade(cell) else None
        if time.monotonic() > self._last_start:
            self._end(cell, "limit", f"the notebook ran longer than {self.whole_timeout} s")
        if self._outcome.ended:
            cell.outputs = []
            if check:
                self._keep(cell, grade_id, [no_evidence(catalogue()[check], NOT_RUN)])
            return cell, resources
        if check is None:
            self._run(cell, resources, index)
            return cell, resources
        ticket = str(next(self._tickets))
        before = [result for result in self._outcome.results.values() if result.mistaken and result.name != check]
        self._scoring.listen(check, self._place.mailbox, ticket, {result.name: charge_of(result) for result in before})
        self._place.ask_for(check, ticket)
        try:
            self._run(cell, resources, index)
        finally:
            results = self._collect(cell, check)
            self._place.ask_no_more()
        self._keep(cell, grade_id, results or [no_evidence(catalogue()[check], _last_error(cell))])
        return cell, resources

    def _collect(self, cell, check):
        """The results of a check whose cell has ended; None if nothing was handed over."""
        try:
            return self._scoring.collect()
        except TooMuchToScore:
            seconds = MOST_PROCESSOR_SECONDS
            self._outcome.limits.append(
                f"scoring {check} took more than {seconds:.0f} s of processor time ({_name(cell)})"
            )
            self._scoring = self._start_scoring()
            return [too_much_to_score(catalogue()[check], seconds)]

    def _run(self, cell, resources, index):
        limits = len(self._outcome.limits)
        self._run_once(cell, resources, index)
        # More cells would not have spared it a limit.
        if not self._plan.left_out or self._outcome.ended or len(self._outcome.limits) > limits:
            return
        if self._place.would_train:
            self._doubt = f"it trains something ({_name(cell)})"
        elif self._raised and not is_known(*self._raised, cell.source, self._plan.names):
            self._doubt = f"a cell ended in {quoted(self._raised[0])} ({_name(cell)})"

    def _run_once(self, cell, resources, index):
        self._raised = ()
        try:
            super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            code = self.km.provisioner.process.returncode
            self._killed = code in _KILLED and not self._place.watch.exceeded
            self._end(cell, "student error", "the kernel ended while this cell ran")
        except CellTimeoutError:
            # It goes on after an interrupt; or it has ended, and its end was lost with an outsized output.
            self._after_timeout(cell, "a cell or its output did not end in time", renew=True)
        else:
            errors = {output.ename: output.evalue for output in cell.outputs if output.output_type == "error"}
            if "CellTimeoutError" in errors:
                self._after_timeout(cell, f"a cell ran longer than {self.timeout} s")
            for name in (DataUnavailable.__name__, UnfitEnvironment.__name__):
                if name in errors:  # perhaps this machine's fault, so a person should look
                    said = quoted(errors[name])
                    self._outcome.notes.append(f"the submission raised {name}, saying {said} ({_name(cell)})")

    def _after_timeout(self, cell, where, renew=False):
        """A cell took too long: go on if the kernel still answers. renew: with a new connection for outputs."""
        shell_timeout, self.timeout = self.timeout, self.patience
        try:
            if renew:
                self.kc.renew_iopub()
            answered = self.wait_for_reply(self.kc.kernel_info()) is not None
        except DeadKernelError:
            answered = False
        finally:
            self.timeout = shell_timeout
        if answered:
            self._outcome.limits.append(f"{where} ({_name(cell)})")
        else:
            self._end(cell, "limit", f"{where}, and the kernel did not answer an interrupt")

    def _end(self, cell, status, why):
        watch = self._place.watch
        if watch.failure:
            raise ScoringFailed(f"{watch.failure}; run the grading again")
        if watch.exceeded:  # that is why the kernel has ended, however it looks from here
            status, why = "limit", watch.exceeded
        self._outcome.end(status, f"{why} ({_name(cell)})")

    def _keep(self, cell, grade_id, results):
        results = [harmless_result(result) for result in results]
        self._outcome.results[grade_id] = results[0]
        self._outcome.by_seed[grade_id] = results
        self._graded.append((cell, results[0]))

    def on_cell_executed(self, **kwargs):
        """Take the reply to a cell; its error is looked at even where its outputs are cut."""
        content = kwargs["execute_reply"]["content"]
        if content.get("status") != "ok":
            self._raised = (str(content.get("ename")), str(content.get("evalue")))
        super().on_cell_executed(**kwargs)

    def process_message(self, msg, cell, cell_index):
        """Take one message of the kernel; what is malformed, or more than is kept, is left out."""
        kind, content = msg["msg_type"], msg["content"]
        if kind.startswith("comm"):  # a widget's: it could take over the outputs of other cells
            return None
        if kind in _OUTPUTS:
            size = len(str(content)) + _MESSAGE_BYTES
            if kind == "update_display_data":  # in an earlier output's place, as each picture of a training is
                self._updates += size
            else:
                self._bytes += size
            if max(size, self._bytes, self._updates // _UPDATES) > self.most_output:
                if self._outcome.cut is False:
                    self._outcome.cut = True
                    self._outcome.notes.append(f"more than {self.most_output >> 20} MB of output: the rest is left out")
                return None
            content = harmless_content(kind, content)
        if content is None or type(content.get("execution_count")) not in (int, type(None)):
            return None
        try:
            return super().process_message({**msg, "content": content}, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception:  # noqa: BLE001 - a learner's code may have sent it, and made it as it liked
            return None


def _files_in(folder: Path) -> list[str]:
    """The names of the files that were handed in, with slashes."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]


def _name(cell) -> str:
    return f"cell {cell.get('id', '?')}"


def _last_error(cell) -> str:
    """Why no evidence came: the error that the cell ended with, if it did."""
    for output in reversed(cell.outputs):
        if output.output_type == "error":
            return f"the notebook ended it with an error: {quoted(f'{output.ename}: {output.evalue}')}"
    return ""


def _shown(outputs):
    """What a graded cell printed, without anything that could be taken for the check's own result."""
    return [output for output in outputs if output.output_type in ("stream", "error")]
