"""A run in another sandbox than the last one is said, whatever the record of it holds."""

import pytest
from autoencoder_grader.engine.tiers_seen import NAME, change


def test_a_change_is_said_once_and_the_first_run_is_none(tmp_path):
    assert change(tmp_path, {"bubblewrap"}) == "" == change(tmp_path, {"bubblewrap"})
    line = change(tmp_path, {"landlock"})
    assert "another sandbox (landlock) than the last one (bubblewrap)" in line and "\n" not in line
    assert change(tmp_path, {"landlock"}) == ""
    assert "(bubblewrap, landlock) than the last one (landlock)" in change(tmp_path, {"landlock", "bubblewrap"})
    assert change(tmp_path, set()) == "" == change(tmp_path, {""})


@pytest.mark.parametrize("data", [b"", bytes(5), b"\xff\xfe\xfa", b"bubble", b"x" * 9000], ids=repr)
def test_a_record_that_says_nothing_is_written_anew(tmp_path, data):
    (tmp_path / NAME).write_bytes(data)
    assert change(tmp_path, {"landlock"}) == ""
    assert (tmp_path / NAME).read_text() == "landlock\n"
