"""The weights that made-up submissions hand in: those of the course, and of a network that is wrong its own."""

from pathlib import Path

import pytest
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.validity.corpus import Case, read_cases
from autoencoder_grader.validity.report import CORPUS, lay_out, trained_by_luck

REPOSITORY = Path(__file__).resolve().parents[3]
NAME = "wrong-2-decoder-no-sigmoid"


@pytest.mark.parametrize("whole", [False, True])
def test_a_case_hands_in_its_own_weights_and_for_all_other_trainings_those_of_the_course(tmp_path, whole):
    (case,) = read_cases(REPOSITORY / CORPUS, (NAME,))
    lay_out(REPOSITORY, tmp_path, [case], whole)
    handed_in = {
        path.name: path.read_bytes()
        for path in (tmp_path / "submitted" / NAME / case.assignment / "weights").glob("*.npz")
    }
    own = (REPOSITORY / CORPUS / "weights" / NAME / "conv_ae.npz").read_bytes()
    carried = {path.name: path.read_bytes() for path in trained_weights(case.assignment)}
    assert handed_in.pop("conv_ae.npz") == own != carried.pop("conv_ae.npz")
    assert "denoiser.npz" in handed_in or not whole
    assert handed_in.items() <= carried.items()


@pytest.mark.parametrize(
    ("kind", "chapter", "graded", "told"),
    [
        ("wrong", "2", {"net.npz": b"as handed in"}, False),
        ("wrong", "2", {"net.npz": b"other numbers", "net.old.npz": b"as handed in"}, True),
        ("wrong", "2", {"net.npz": b"as handed in", "more.npz": b"new"}, True),
        ("wrong", "2", {}, False),
        # A right network comes out right wherever it is trained.
        ("right", "2", {"net.npz": b"other numbers"}, False),
        # A wrong dense one got the same points with four seeds: see the function.
        ("wrong", "1", {"net.npz": b"other numbers"}, False),
    ],
)
def test_a_wrong_case_that_grading_had_to_train_is_told(tmp_path, kind, chapter, graded, told):
    case = Case(f"{kind}-{chapter}-x", kind, chapter, tmp_path / "x.toml", {})
    for folder, files in (("submitted", {"net.npz": b"as handed in"}), ("autograded", graded)):
        weights = tmp_path / folder / case.name / case.assignment / "weights"
        weights.mkdir(parents=True)
        for name, content in files.items():
            (weights / name).write_bytes(content)
    lines = trained_by_luck(tmp_path, case)
    assert bool(lines) == told
    for line in lines:
        assert line.startswith(f"{case.name}: grading trained ") and ".old" not in line
        assert line.endswith(f"make_weights.py {case.name}")
