"""Each test is a session of its own: no check has taken points before. And what many tests ask of a check."""

import pytest
from autoencoder_helpers import check, checks
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.evidence import training_records


@pytest.fixture(autouse=True)
def nothing_charged():
    """Forget the results of all checks."""
    checks._RESULTS.clear()


@pytest.fixture(autouse=True)
def nothing_trained(monkeypatch):
    """Forget which networks were trained before."""
    monkeypatch.setattr(training_records, "_trained", set())


class _Points(float):
    """Points that show the whole card when an assertion about them fails."""

    def __new__(cls, result):
        points = super().__new__(cls, result.points)
        points.result = result
        return points

    def __repr__(self):
        return f"{float(self)} of\n{self.result}"


@pytest.fixture(scope="session")
def points():
    """points(name, *answers): the points of a check."""
    return lambda name, *answers: _Points(check(name, *answers))


@pytest.fixture(scope="session")
def mistakes():
    """mistakes(name, *answers): the slugs of all steps of a check that failed."""
    return lambda name, *answers: [step.mistake for step in check(name, *answers).failures]


@pytest.fixture(scope="session")
def under():
    """under(charged, name, *answers): the points when these checks have taken points before."""
    return lambda charged, name, *answers: _Points(run_rule(catalogue()[name], answers, {}, charged=charged))


@pytest.fixture(scope="session")
def expect_full():
    """expect_full(name, *answers): all steps have to pass."""

    def expect(name, *answers):
        result = check(name, *answers)
        assert result.passed, str(result)

    return expect


@pytest.fixture(scope="session")
def expect_mistake():
    """expect_mistake(name, *answers, mistake=slug, kept=points): this one step has to fail, with this slug."""

    def expect(name, *answers, mistake, kept=0):
        result = check(name, *answers)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == kept, str(result)

    return expect
