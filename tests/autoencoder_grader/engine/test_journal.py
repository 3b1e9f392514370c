"""The journal: one entry for each submission, written with the scores or not at all."""

import pytest
from autoencoder_grader.engine import journal
from autoencoder_grader.engine.journal import Entry
from nbgrader.api import Gradebook
from sqlalchemy import inspect

ADA = Entry("ada", "01_tiny", "f" * 64, "a" * 64, "limit", ("a note", "more: ü ✓"), 12.5, 3.25, 3 << 30)
BEN = Entry("ben", "01_tiny", "0" * 64, "b" * 64, "graded")


@pytest.fixture
def gradebook(graded_course):
    opened = Gradebook(f"sqlite:///{graded_course.folder / 'gradebook.db'}", "autoencoders")
    yield opened
    opened.close()
    opened.engine.dispose()


@pytest.fixture
def opened(gradebook):
    journal.open_journal(gradebook)
    return gradebook


def enter(gradebook, *entries):
    for entry in entries:
        journal.enter(gradebook.db, entry)
    gradebook.db.commit()


def test_entries_come_back_as_they_were_written(opened):
    enter(opened, ADA, BEN)
    assert journal.entries(opened) == {("ada", "01_tiny"): ADA, ("ben", "01_tiny"): BEN}


def test_a_gradebook_without_a_journal_has_no_entries_and_reading_makes_none(gradebook):
    assert journal.entries(gradebook) == {}
    assert journal.registered(gradebook) == {}
    assert not [name for name in inspect(gradebook.engine).get_table_names() if name.startswith("autoencoder")]


def test_opening_it_twice_keeps_what_it_holds(opened):
    enter(opened, ADA)
    journal.open_journal(opened)
    assert len(journal.entries(opened)) == 1


def test_a_second_entry_takes_the_place_of_the_first(opened):
    enter(opened, ADA, BEN)
    again = Entry("ada", "01_tiny", "1" * 64, "", "invalid", ("gone",))
    enter(opened, again)
    assert journal.entries(opened) == {("ada", "01_tiny"): again, ("ben", "01_tiny"): BEN}


def test_what_is_not_committed_is_not_there(opened):
    enter(opened, ADA)
    journal.enter(opened.db, Entry("ada", "01_tiny", "1" * 64, "a" * 64, "graded"))
    journal.enter(opened.db, BEN)
    opened.db.rollback()
    assert journal.entries(opened) == {("ada", "01_tiny"): ADA}


def test_another_fingerprint_changes_nothing_else(opened):
    enter(opened, ADA, BEN)
    journal.rename(opened.db, "ada", "01_tiny", "2" * 64)
    opened.db.commit()
    found = journal.entries(opened)
    assert found["ada", "01_tiny"] == Entry(**{**vars(ADA), "fingerprint": "2" * 64})
    assert found["ben", "01_tiny"] == BEN


def test_what_an_assignment_was_registered_from_is_remembered(opened):
    journal.register(opened.db, "01_tiny", "a" * 64)
    journal.register(opened.db, "02_small", "b" * 64)
    journal.register(opened.db, "01_tiny", "c" * 64)
    opened.db.commit()
    assert journal.registered(opened) == {"01_tiny": "c" * 64, "02_small": "b" * 64}
