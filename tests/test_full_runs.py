"""The page of the long trainings says what reference.toml has."""

import importlib.util
from pathlib import Path

from autoencoder_helpers.reference import values

PAGE = Path(__file__).resolve().parents[1] / "docs" / "full-runs.md"


def test_the_page_has_each_network_with_its_numbers():
    spec = importlib.util.spec_from_file_location("list_full_runs", PAGE.with_name("list_full_runs.py"))
    listing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(listing)
    page = PAGE.read_text(encoding="utf-8")
    assert page == listing.written(page), "docs/full-runs.md is old: .venv/bin/python docs/list_full_runs.py"
    rows = [line for line in listing.table().splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(values.networks()), "docs/list_full_runs.py has no name for one of the networks"
    assert (
        f"<!-- seed by seed -->\n\n{listing.seeds_table()}\n\n" in page and len(listing.seeds_table().splitlines()) > 2
    )
    assert "R 150.5 nats per image; K 5.72 nats per image; -ELBO 156.2 nats per image" in page
