"""How far a learner is, in a session."""

import pytest
from autoencoder_helpers import check, progress
from autoencoder_helpers.checks import CheckError, catalogue
from autoencoder_helpers.evidence.messages import ENVIRONMENT

RULES = [rule for name, rule in catalogue().items() if name.startswith("conv.")]


def sides(rounds_up):
    return lambda side, kernel, padding: side if padding == "same" else side - kernel + 1, (
        lambda side: (side + rounds_up) // 2
    )


def test_before_any_check_everything_is_still_to_be_done(capsys):
    found = progress("conv")
    assert (found.points, found.max_points, found.next) == (0, 10, RULES[0])
    text = capsys.readouterr().out
    assert "Chapter 2: 0 of 10 points so far, 0 of 8 checks passed" in text
    assert text.count("not run") == 8 and f"Next: {RULES[0].title} (conv.data)" in text


def test_the_last_run_of_a_check_counts():
    check("conv.sides", *sides(rounds_up=0))
    found = progress("conv")
    rule = catalogue()["conv.sides"]
    assert (found.verdict(rule), found.points) == ("partly", 0.5)
    check("conv.sides", *sides(rounds_up=1))
    assert (found.verdict(rule), progress("conv").points) == ("passed", 1)
    check("conv.sides", None, None)
    assert progress("conv").verdict(rule) == "not yet"


def test_checks_of_other_chapters_do_not_count():
    check("conv.sides", *sides(rounds_up=1))
    assert progress("dense").points == 0


def test_the_card_says_it_in_words_and_carries_no_script():
    check("conv.sides", *sides(rounds_up=0))
    bundle = progress("conv")._repr_mimebundle_()
    card = bundle["text/html"]
    assert "◐ partly" in card and card.count("· not run") == 7
    assert 'role="img" aria-label="0.5 of 10 points so far, 0 of 8 checks passed"' in card
    assert "width:5.0%" in card and 'scope="col"' in card
    assert "<script" not in card and "onclick" not in card
    assert bundle["text/plain"].startswith("Chapter 2: 0.5 of 10 points")


def test_when_all_pass_a_person_has_the_rest():
    from autoencoder_helpers.checks.result import CheckResult
    from autoencoder_helpers.checks.standing import Standing

    results = {rule.name: CheckResult(rule.name, rule.title, rule.points, rule.points) for rule in RULES}
    found = Standing("Chapter 2", tuple(RULES), results)
    assert found.next is None and found.points == 10
    assert "All checks pass. The question in your own words is read by a person" in repr(found)


def test_in_grading_it_names_no_points(monkeypatch, tmp_path):
    check("conv.sides", *sides(rounds_up=0))
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    bundle = progress("conv")._repr_mimebundle_()
    assert "In grading" in bundle["text/html"] and "In grading" in bundle["text/plain"]
    assert "0.5" not in bundle["text/html"] + bundle["text/plain"]


def test_an_unknown_chapter_is_one_line():
    with pytest.raises(CheckError, match="no chapter is named 'dens'; there are dense, conv, vae, flowers"):
        progress("dens")
