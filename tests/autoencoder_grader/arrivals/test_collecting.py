"""What platforms send comes to its place: by student and chapter, whole, and over nothing that is there."""

import io
import tarfile
import unicodedata

import pytest
from autoencoder_grader.arrivals.collecting import collect
from autoencoder_grader.cli import main
from autoencoder_helpers import hand_in
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner
from downloads import TIME, below, with_flag, zipped

LATER = (2026, 5, 2, 12, 0, 0)
MOODLE = "Ada Lovelace_4711_assignsubmission_file_/"


def save(course, name, data):
    path = course.folder / "downloads" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def submitted(course):
    folder = course.folder / "submitted"
    return below(folder) if folder.is_dir() else {}


# ------------------------------------------------------------------------------------------- right, in many shapes

A, B = "A", "B"  # stand for what ada and ben worked
SHAPES = {
    "Moodle, folders": {MOODLE + "01_tiny.ipynb": A, "Ben Bitdiddle_4712_assignsubmission_file/01_tiny.ipynb": B},
    "Moodle, no folders": {"Ada Lovelace_4711_assignsubmission_file_01_tiny.ipynb": A},
    "Moodle, unpacked and packed again": {f"downloads/{MOODLE}01_tiny.ipynb": A, "downloads/desktop.ini": b"x"},
    "Canvas": {"lovelaceada_101_456_01_tiny.ipynb": A, "bitdiddleben_LATE_102_457_tiny-1.ipynb": B},
    "Canvas, no number that is known": {"lovelaceada_999_456_01_tiny.ipynb": A},
    "a zip inside": {MOODLE + "homework.zip": {"01_tiny.ipynb": A}},
    "zips inside zips": {MOODLE + "a.zip": {"b.zip": {"deep/01_tiny.ipynb": A}}},
    "a tar inside": {MOODLE + "a.tar.gz": ("tar", {"x/01_tiny.ipynb": A})},
    "a browser's second download": {MOODLE + "01_tiny (1).ipynb": A},
    "Jupyter's copy": {MOODLE + "01_tiny-Copy1.ipynb": A},
    "a text by its ending": {MOODLE + "01_tiny.ipynb.txt": A},
    "a text, downloaded twice": {MOODLE + "01_tiny.ipynb (1).txt": A},
    "no chapter in the name": {MOODLE + "homework.ipynb": A},
    "another case": {"ADA LOVELACE_4711_assignsubmission_file_/01_TINY.IPYNB": A},
    "family name first": {"Lovelace Ada_4711_assignsubmission_file_/01_tiny.ipynb": A},
    "with what Windows and macOS leave": {
        MOODLE + "01_tiny.ipynb": A,
        MOODLE + "Thumbs.db": b"x",
        f"__MACOSX/{MOODLE}._01_tiny.ipynb": b"x",
        MOODLE + ".DS_Store": b"x",
    },
    "backslashes": {MOODLE.replace("/", "\\") + "01_tiny.ipynb": A},
    "folders of students": {"ada/01_tiny.ipynb": A, "ben/x.ipynb": B},
    "zips of students": {"ada.zip": {"01_tiny/01_tiny.ipynb": A}, "ben.zip": {"x.ipynb": B}},
    "files with a student's name": {"ada.zip": {"t.ipynb": A}, "01_tiny - Ben Bitdiddle.ipynb": B},
}


def packed(content, words):
    """A shape's content as bytes."""
    if isinstance(content, dict):
        return zipped({name: packed(inner, words) for name, inner in content.items()})
    if isinstance(content, tuple):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, inner in content[1].items():
                entry = tarfile.TarInfo(name)
                entry.size = len(packed(inner, words))
                archive.addfile(entry, io.BytesIO(packed(inner, words)))
        return out.getvalue()
    return words.get(content, content)


def test_what_a_learner_packed_comes_to_its_place_with_its_weights(roster, worked, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "net.npz").write_bytes(b"weights")
    (tmp_path / "01_tiny.ipynb").write_bytes(worked())
    monkeypatch.chdir(tmp_path)
    packed_by_it = hand_in("01_tiny.ipynb").read_bytes()
    collect(roster.folder, [save(roster, "download.zip", zipped({MOODLE + "01_tiny.zip": packed_by_it}))])
    there = submitted(roster)
    assert there.pop("ada/01_tiny/weights/net.npz") == b"weights"
    assert there["ada/01_tiny/01_tiny.ipynb"] == worked()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_download_of_each_shape_comes_to_its_place(roster, worked, shape):
    words = {A: worked(), B: worked(train_net="beta = 7")}
    path = save(roster, "download.zip", packed(SHAPES[shape], words))
    result = collect(roster.folder, [path])
    expected = {"ada/01_tiny/01_tiny.ipynb": words[A]}
    if f": '{B}'" in str(SHAPES[shape]):
        expected["ben/01_tiny/01_tiny.ipynb"] = words[B]
    assert submitted(roster) == expected, result
    assert (result.exit_code, result.problems, result.left_out, result.aside) == (0, [], [], [])


def test_an_unpacked_download_and_a_folder_of_zips_are_taken_too(roster, worked):
    save(roster, f"moodle/{MOODLE}01_tiny.ipynb", worked())
    save(roster, "mails/Ben Bitdiddle.zip", zipped({"homework/01_tiny.ipynb": worked()}))
    save(roster, "mails/zoé/small.ipynb", worked("small"))
    collect(roster.folder, [roster.folder / "downloads" / name for name in ("moodle", "mails")])
    assert set(submitted(roster)) == {
        "ada/01_tiny/01_tiny.ipynb",
        "ben/01_tiny/01_tiny.ipynb",
        "zoé/02_small/02_small.ipynb",
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("marked", [True, False])
def test_a_name_is_found_in_each_unicode_form(roster, worked, form, marked):
    name = unicodedata.normalize(form, "Zoé Müller_9_assignsubmission_file_/01_tiny.ipynb")
    data = zipped({name: worked()})
    if not marked:  # macOS writes UTF-8 and does not say so
        data = with_flag(data, 0x800, False)
    result = collect(roster.folder, [save(roster, "d.zip", data)])
    assert set(submitted(roster)) == {"zoé/01_tiny/01_tiny.ipynb"}, result


def test_without_a_roster_the_file_says_who_it_is_and_the_same_student_stays_one(course, worked):
    first = save(course, "1.zip", zipped({"Zoé_1_assignsubmission_file_/01_tiny.ipynb": worked()}))
    second = save(
        course,
        "2.zip",
        zipped({unicodedata.normalize("NFD", "ZOÉ") + "_2_assignsubmission_file_/x.ipynb": worked("small")}),
    )
    assert collect(course.folder, [first]).exit_code == collect(course.folder, [second]).exit_code == 0
    assert set(submitted(course)) == {"Zoé/01_tiny/01_tiny.ipynb", "Zoé/02_small/02_small.ipynb"}


def test_weights_come_along_wherever_the_platform_put_them(roster, worked):
    net = worked(train_net='beta = load("net")')
    download = {
        "lovelaceada_101_1_01_tiny.ipynb": net,
        "lovelaceada_101_2_net.npz": b"ada's",
        "bitdiddleben_102_3_hand-in.zip": zipped(
            {"h/01_tiny.ipynb": net, "h/weights/net.npz": b"ben's", "h/plot.png": b"p", "h/data/x.csv": b"c"}
        ),
        "mullerzoe_103_4_tiny.ipynb": net,
        "mullerzoe_103_5_net (1).npz": b"zoe's",
    }
    result = collect(roster.folder, [save(roster, "canvas.zip", zipped(download))])
    found = submitted(roster)
    assert {name: data for name, data in found.items() if not name.endswith("ipynb")} == {
        "ada/01_tiny/weights/net.npz": b"ada's",
        "ben/01_tiny/weights/net.npz": b"ben's",
        "ben/01_tiny/plot.png": b"p",
        "ben/01_tiny/data/x.csv": b"c",
        "zoé/01_tiny/weights/net.npz": b"zoe's",
    }
    assert result.exit_code == 0 and {row.what for row in result.rows} == {
        "new + 1 weights",
        "new + 1 weights + 2 other files",
    }


def test_weights_of_two_chapters_in_one_folder_go_where_they_are_asked_for(roster, worked):
    download = {
        MOODLE + "01_tiny.ipynb": worked(train_net='beta = load("net")'),
        MOODLE + "02_small.ipynb": worked("small", setup='load("other")'),
        MOODLE + "weights/net.npz": b"1",
        MOODLE + "weights/other.npz": b"2",
        MOODLE + "weights/third.npz": b"3",
    }
    result = collect(roster.folder, [save(roster, "d.zip", zipped(download))])
    weights = {name for name in submitted(roster) if name.endswith("npz")}
    assert weights == {"ada/01_tiny/weights/net.npz", "ada/02_small/weights/other.npz"}
    assert len(result.left_out) == 1 and "third.npz" in result.left_out[0]


# ---------------------------------------------------------------------------------------------------- of several one


@pytest.mark.parametrize(
    "files, taken",
    [
        ({"01_tiny.ipynb": ("old", TIME), "01_tiny (1).ipynb": ("new", LATER)}, "new"),
        ({"01_tiny.ipynb": ("new", LATER), "01_tiny (1).ipynb": ("old", TIME)}, "new"),
        ({"01_tiny.ipynb": ("old", TIME), "01_tiny-Copy1.ipynb": ("new", TIME)}, "new"),
        ({"01_tiny-Copy10.ipynb": ("new", TIME), "01_tiny-Copy9.ipynb": ("old", TIME)}, "new"),
        ({"01_tiny.ipynb": ("release", LATER), "01_tiny-Copy1.ipynb": ("new", TIME)}, "new"),
        ({"01_tiny.ipynb": ("new", TIME), "02/01_tiny.ipynb": ("broken", LATER)}, "new"),
    ],
)
def test_of_several_versions_one_is_taken_and_it_is_said_which(roster, worked, files, taken):
    release = (roster.folder / "notebooks" / "01_tiny" / "01_tiny.ipynb").read_bytes()
    texts = {"old": worked(train_net="beta = 1"), "new": worked(), "release": release, "broken": b"{"}
    download = {MOODLE + name: (texts[which], time) for name, (which, time) in files.items()}
    result = collect(roster.folder, [save(roster, "d.zip", zipped(download))])
    assert submitted(roster) == {"ada/01_tiny/01_tiny.ipynb": texts[taken]}
    assert result.exit_code == 0 and len(result.aside) == 1
    assert all(name in result.aside[0] for name in files)


def test_canvas_numbers_files_in_the_order_in_which_they_were_handed_in(roster, worked):
    new, old = worked(), worked(train_net="beta = 1")
    download = {"lovelaceada_101_99_01_tiny.ipynb": (old, LATER), "lovelaceada_101_100_01_tiny-1.ipynb": (new, TIME)}
    collect(roster.folder, [save(roster, "d.zip", zipped(download))])
    assert submitted(roster) == {"ada/01_tiny/01_tiny.ipynb": new}


def test_where_nothing_tells_which_is_later_none_is_taken(roster, worked):
    download = {MOODLE + "a/01_tiny.ipynb": worked(), MOODLE + "b/01_tiny.ipynb": worked(train_net="beta = 1")}
    result = collect(roster.folder, [save(roster, "d.zip", zipped(download))])
    assert not submitted(roster) and result.exit_code == 1
    assert "a/01_tiny.ipynb" in result.problems[0] and "b/01_tiny.ipynb" in result.problems[0]


def test_files_beside_another_version_are_not_mixed_with_the_one_taken(roster, worked):
    download = {
        MOODLE + "old/01_tiny.ipynb": (worked(train_net="beta = 1"), TIME),
        MOODLE + "old/weights/net.npz": b"old",
        MOODLE + "new/01_tiny.ipynb": (worked(), LATER),
    }
    result = collect(roster.folder, [save(roster, "d.zip", zipped(download))])
    assert set(submitted(roster)) == {"ada/01_tiny/01_tiny.ipynb"}
    assert "old/weights/net.npz" in result.left_out[0]


# ------------------------------------------------------------------------------------- twice, and over nothing


def test_the_same_command_twice_does_nothing_more_and_a_dry_run_nothing_at_all(roster, worked):
    path = save(roster, "d.zip", zipped({MOODLE + "01_tiny.ipynb": worked(), MOODLE + "weights/n.npz": b"1"}))
    before = below(roster.folder)
    plan = collect(roster.folder, [path], dry_run=True)
    assert below(roster.folder) == before and plan.new == 1 and plan.rows[0].what == "new + 1 weights"
    assert collect(roster.folder, [path]).new == 1
    after = below(roster.folder)
    again = collect(roster.folder, [path])
    assert (again.new, again.there, again.exit_code) == (0, 1, 0) and below(roster.folder) == after
    assert not (roster.folder / "submitted" / ".collecting").exists()


def test_nothing_is_written_over_and_what_comes_later_is_added(roster, worked):
    first = save(roster, "1.zip", zipped({MOODLE + "01_tiny.ipynb": worked(), MOODLE + "weights/n.npz": b"1"}))
    collect(roster.folder, [first])
    other = save(roster, "2.zip", zipped({MOODLE + "01_tiny.ipynb": worked(train_net="beta = 1")}))
    before = submitted(roster)
    result = collect(roster.folder, [other])
    assert (
        submitted(roster) == before and result.exit_code == 1 and "another version, which stays" in result.problems[0]
    )
    more = {MOODLE + "01_tiny.ipynb": worked(), MOODLE + "weights/n.npz": b"2", MOODLE + "weights/m.npz": b"3"}
    result = collect(roster.folder, [save(roster, "3.zip", zipped(more))])
    assert submitted(roster) == before | {"ada/01_tiny/weights/m.npz": b"3"}
    assert result.exit_code == 0 and "n.npz is there with other content, and stays" in result.notes[0]


def test_what_a_killed_run_left_does_not_stop_the_next(roster, worked):
    left = roster.folder / "submitted" / ".collecting" / "parcel" / "01_tiny.ipynb"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    collect(roster.folder, [save(roster, "d.zip", zipped({MOODLE + "01_tiny.ipynb": worked()}))])
    assert submitted(roster) == {"ada/01_tiny/01_tiny.ipynb": worked()}


# ---------------------------------------------------------------------------------------------------- the command


def test_the_command_shows_its_plan_as_a_table_and_says_what_it_did(roster, worked):
    path = save(roster, "d.zip", zipped({MOODLE + "01_tiny.ipynb": worked(), "what.pdf": b"x"}))

    def run(*more):
        return CliRunner().invoke(main, ["--course", str(roster.folder), "collect", str(path), *more])

    plan = run("--dry-run")
    assert plan.exit_code == 1 and "ada" in plan.stdout and "01_tiny" in plan.stdout
    assert "1 would be put into place" in plan.stdout and "Nothing was changed" in plan.stdout and not submitted(roster)
    done = run()
    assert done.exit_code == 1 and "1 put into place" in done.stdout and "what.pdf" in done.stdout
    assert run("--who", "nonsense").exit_code == 1


def test_a_gradebook_that_is_none_is_one_line(course, worked):
    (course.folder / "gradebook.db").write_bytes(b"no database" * 999)
    with pytest.raises(CourseError, match="roster in the gradebook cannot be read"):
        collect(course.folder, [save(course, "d.zip", zipped({MOODLE + "01_tiny.ipynb": worked()}))])


def test_people_of_one_name_are_kept_apart_until_somebody_says_who_is_who(roster, worked):
    download = {
        "Ada Lovelace_1_assignsubmission_file_/01_tiny.ipynb": worked(),
        "Ada Lovelace_2_assignsubmission_file_/01_tiny.ipynb": worked(train_net="beta = 1"),
    }
    path = save(roster, "d.zip", zipped(download))
    result = collect(roster.folder, [path])
    assert not submitted(roster) and "different people" in result.problems[0]
    collect(roster.folder, [path], {"Ada Lovelace_1": "ada", "Ada Lovelace_2": "ben"})
    assert set(submitted(roster)) == {"ada/01_tiny/01_tiny.ipynb", "ben/01_tiny/01_tiny.ipynb"}


def test_who_is_called_as_another_students_id_is_named(roster, worked):
    path = save(roster, "d.zip", zipped({"ben_7_assignsubmission_file_/01_tiny.ipynb": worked()}))
    result = collect(roster.folder, [path])
    assert "ben_7: taken for ben, whom the roster calls Ben Bitdiddle: is it the same person?" in result.notes
    assert not collect(roster.folder, [path], {"ben_7": "ben"}).notes
    named = {
        "Bitdiddle Ben_7_assignsubmission_file_/01_tiny.ipynb": worked(),
        "lovelaceada_101_1_01_tiny.ipynb": worked(),
        "zoé_103_2_01_tiny.ipynb": worked(),
    }
    for name, data in named.items():
        assert not collect(roster.folder, [save(roster, "e.zip", zipped({name: data}))]).notes


def test_a_stranger_to_the_roster_is_placed_by_the_file_and_named(roster, worked):
    path = save(roster, "d.zip", zipped({"Eve X_1_assignsubmission_file_/01_tiny.ipynb": worked()}))
    result = collect(roster.folder, [path])
    assert set(submitted(roster)) == {"Eve X/01_tiny/01_tiny.ipynb"}
    assert result.exit_code == 0 and "Eve X" in result.notes[0] and "--who" in result.notes[0]
