"""A file that another program has open for a moment is replaced when it has let go."""

import os

import pytest
from autoencoder_helpers import moving


@pytest.fixture
def held(tmp_path, monkeypatch):
    """(new file, old one); a function that has the old one held for some tries, as Windows has it."""
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    old.write_text("old")
    replace = os.replace

    def hold(tries):
        left = iter(range(tries))

        def refuse(source, target):
            if next(left, None) is not None:
                raise PermissionError(13, "The process cannot access the file")
            replace(source, target)

        monkeypatch.setattr(os, "replace", refuse)
        monkeypatch.setattr(moving, "_TRIES", 5)
        monkeypatch.setattr(moving, "_SECONDS_BETWEEN", 0.001)
        return new, old

    return hold


@pytest.mark.parametrize("tries", [0, 1, 4])
def test_it_is_tried_until_the_other_program_lets_go(held, tries):
    new, old = held(tries)
    moving.move(new, old)
    assert old.read_text() == "new" and not new.exists()


def test_what_nobody_lets_go_is_an_error_and_both_files_stay(held):
    new, old = held(100)
    with pytest.raises(PermissionError):
        moving.move(new, old)
    assert (new.read_text(), old.read_text()) == ("new", "old")
