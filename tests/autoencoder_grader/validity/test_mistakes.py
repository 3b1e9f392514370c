"""What cards of the made-up submissions name: read from their files, compared with what was found."""

import json
from pathlib import Path

import pytest
from autoencoder_grader.validity.corpus import read_cases
from autoencoder_grader.validity.report import CORPUS, Verdict, read_report, summary, write_report
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.errors import CourseError

REPOSITORY = Path(__file__).resolve().parents[3]


def case(folder, text, kind="wrong"):
    path = folder / kind / "1-x.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'about = "x"\n{text}', encoding="utf-8")
    return read_cases(folder, (kind,))[0]


def verdict(named, to_name, found=0.5, kind="wrong"):
    return Verdict(f"{kind}-1-x", kind, "dense.encoder", 0.5, (found,), 2.0, named, to_name)


def test_each_wrong_case_says_the_mistake_of_every_check_that_loses_points():
    for found in (found for found in read_cases(REPOSITORY / CORPUS) if found.kind == "wrong"):
        losing = {check for check, points in found.expected().items() if points < catalogue()[check].points}
        assert losing and set(found.mistakes()) == losing, found.name


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ('points = {"dense.pca" = 0}\nmistakes = {"dense.pca" = "not-centred"}', {"dense.pca": ("not-centred",)}),
        ('points = {"dense.pca" = 0}\nmistakes = {"dense.pca" = ["a", "b"]}', {"dense.pca": ("a", "b")}),
        ('points = {"dense.pca" = 0}\nmistakes = "missing"', {"dense.pca": ("missing",)}),
    ],
)
def test_a_case_says_its_mistakes_by_check_or_one_for_all(tmp_path, text, mistakes):
    assert case(tmp_path, text).mistakes() == mistakes


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('points = {"dense.pca" = 0}', "says nothing of 'dense.pca'"),
        ('points = {"dense.pca" = 0}\nmistakes = {"dense.codes" = "shuffled", "dense.pca" = "bits"}', "'dense.codes'"),
    ],
)
def test_a_case_that_says_too_little_or_too_much_is_refused(tmp_path, text, line):
    with pytest.raises(CourseError, match=line):
        case(tmp_path, text).mistakes()


def test_other_kinds_need_not_say_it(tmp_path):
    assert case(tmp_path, 'points = {"dense.pca" = 0}', kind="broken").mistakes() == {}


def test_another_mistake_is_a_fault_and_points_come_first():
    assert verdict(("bits",), ("bits",)).fault == verdict(("bits",), None).fault == ""
    assert verdict(("bits",), ("wrong-sign",)).fault == verdict((), ("bits",)).fault == "other mistake"
    assert verdict(("bits",), ("wrong-sign",), found=2.0).fault == "false pass"
    assert summary([verdict(("a",), ("b",)), verdict(("a",), ("a",))]) == [("wrong", 1, 0, 0, 0, 1)]


def test_a_report_keeps_them_and_one_of_before_can_be_read(tmp_path):
    kept = [verdict(("a", "b"), ("c",)), verdict(("a",), None)]
    write_report(tmp_path / "report.json", kept, [])
    assert read_report(tmp_path / "report.json") == (kept, [])
    data = json.loads((tmp_path / "report.json").read_text("utf-8"))
    for row in data["verdicts"]:
        del row["named"], row["to_name"]
    (tmp_path / "report.json").write_text(json.dumps(data), encoding="utf-8")
    assert [found.named for found in read_report(tmp_path / "report.json")[0]] == [(), ()]
