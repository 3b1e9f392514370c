"""The copy of this machine that forgets: what is made in it is not outside, a sandbox works there, and nothing stays."""

import clean_place
import pytest

pytestmark = pytest.mark.skipif(
    bool(clean_place.trouble()), reason="a copy of this machine that forgets " + clean_place.trouble()
)


def test_what_is_made_in_it_is_seen_from_outside_at_its_path_alone_and_gone_in_the_end(tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    place = clean_place.CleanPlace(folder)
    try:
        place.run("bash", "-c", "useradd --create-home somebody-new && echo here > /srv/made")
        assert place.run("id", "-un", user="somebody-new") == "somebody-new\n"
        assert place.path("/srv/made").read_text() == "here\n"
        with pytest.raises(AssertionError, match="no such file|No such file"):
            place.run("cat", "/srv/nothing")
        with place.start("sleep", "300", log=tmp_path / "log") as running:
            place.close()
            assert running.wait(60) != 0
    finally:
        if folder.exists():
            place.close()
    assert not folder.exists()
    assert "somebody-new" not in open("/etc/passwd", encoding="utf-8").read()
