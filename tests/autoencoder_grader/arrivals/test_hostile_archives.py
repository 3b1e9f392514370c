"""Archives that are damaged, locked or hostile: one line each, nothing outside of its place, and the rest goes on."""

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from autoencoder_grader.arrivals import archives
from autoencoder_grader.arrivals.collecting import collect
from downloads import TIME, below, with_flag, with_link, zipped

ADA, BEN = ("Ada Lovelace_1_assignsubmission_file_/", "Ben Bitdiddle_2_assignsubmission_file_/")
NOTEBOOK = "01_tiny.ipynb"


@pytest.fixture
def take(roster, worked):
    """Collects ben's honest hand-in together with ada's files, and sees that ben's is in its place and nothing else
    anywhere but below ada's folder; returns the result and what ada has.
    """

    def taken(files, damage=lambda data: data):
        folder = roster.folder / "downloads"
        folder.mkdir()
        (folder / "class.zip").write_bytes(damage(zipped({**files, BEN + NOTEBOOK: worked()})))
        before = below(roster.folder.parent)
        result = collect(roster.folder, [folder / "class.zip"])
        new = {name: data for name, data in below(roster.folder.parent).items() if name not in before}
        top = roster.folder.name
        new.pop(f"{top}/.grading/collect.lock", None)
        assert new.pop(f"{top}/submitted/ben/01_tiny/{NOTEBOOK}") == worked(), result
        adas = f"{top}/submitted/ada/01_tiny/"
        assert all(name.startswith(adas) for name in new), new
        assert all("\n" not in line for line in result.problems)
        return result, {name.removeprefix(adas): data for name, data in new.items()}

    return taken


def tarred(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"\0" * entry.size) if entry.isreg() else None)
    return out.getvalue()


def entry(name, kind=tarfile.REGTYPE, size=0):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, "/etc/passwd"
    return made


OUTSIDE = {
    "the folder above": "../../ben/01_tiny/01_tiny.ipynb",
    "above by backslashes": "..\\..\\evil.npz",
    "the top": "/tmp/evil.npz",
    "a drive": "C:\\evil.npz",
    "a device of Windows": "\\\\?\\C:\\evil.npz",
    "above on a detour": "weights/../../../evil.npz",
    "signs of a terminal": "\x1b[2Jevil.npz",
    "too deep": "d/" * 25 + "evil.npz",
    "too long": "d" * 240 + ".npz",
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_elsewhere_is_left_out_and_said(take, worked, name, inside):
    files = {NOTEBOOK: worked(), OUTSIDE[name]: b"evil"}
    if inside:
        result, adas = take({ADA + "h.zip": zipped(files)})
    elif OUTSIDE[name][0] in "/C\\":  # would not be ada's at all
        result, adas = take({ADA + NOTEBOOK: worked(), OUTSIDE[name]: b"evil"})
    else:
        result, adas = take({ADA + name: data for name, data in files.items()})
    assert set(adas) == {NOTEBOOK} and len(result.problems) == 1 and "left out" in result.problems[0]
    assert "\x1b" not in result.problems[0]


ODD = {
    "a link": with_link("link.npz", "/etc/passwd"),
    "a link to a folder": with_link("weights", "/etc"),
    "a link in a tar": tarred(entry("link.npz", tarfile.SYMTYPE)),
    "a hard link in a tar": tarred(entry("link.npz", tarfile.LNKTYPE)),
    "a device in a tar": tarred(entry("zero.npz", tarfile.CHRTYPE)),
    "a pipe in a tar": tarred(entry("pipe.npz", tarfile.FIFOTYPE)),
    "a name that leads out of a tar": tarred(entry("../evil.npz", size=1)),
    "locked": with_flag(zipped({"x.npz": b"x" * 99}), 1),
    "cut short": zipped({"x.npz": os.urandom(999)})[:500],
    "garbage": b"PK\x03\x04" + b"x" * 99,
    "empty": b"",
    "a bomb": zipped({"x.npz": b"\0" * (30 << 20)}),
    "a bomb in a tar": tarred(entry("x.npz", size=(201 << 20))),
    "archives in archives": zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"x.npz": b"x"})})})}),
    "a damaged file": zipped({"x.npz": b"y" * 99}).replace(b"PK\x03\x04", b"PK\x03\x05"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_archive_is_one_line(take, worked, odd):
    result, adas = take({ADA + NOTEBOOK: worked(), ADA + f"odd.{'tar.gz' if 'tar' in odd else 'zip'}": ODD[odd]})
    assert set(adas) == {NOTEBOOK}
    assert len(result.problems) == 1 and "odd." in result.problems[0] and result.exit_code == 1


@pytest.mark.parametrize("name", ["weights.rar", "weights.7z", "w.zipx"])
def test_an_archive_of_another_kind_is_named(take, worked, name):
    result, _ = take({ADA + NOTEBOOK: worked(), ADA + name: b"Rar!"})
    assert len(result.problems) == 1 and "unpack it by hand" in result.problems[0]


def test_an_archive_that_lists_too_many_files_is_not_read(take, worked, monkeypatch):
    monkeypatch.setattr(archives, "_LIST_OF_STUDENT", 200)
    result, adas = take({ADA + NOTEBOOK: worked(), ADA + "many.zip": zipped({f"{n}.txt": b"" for n in range(20)})})
    assert set(adas) == {NOTEBOOK} and "more files than anybody hands in" in result.problems[0]


def test_the_guide_tells_the_bounds_as_they_are():
    guide = (Path(__file__).resolve().parents[3] / "docs" / "instructor-guide.md").read_text(encoding="utf-8")
    assert f"{archives.MOST_BYTES // 10**6} MB or\n  {archives.MOST_FILES:,} files of one student" in guide


@pytest.mark.parametrize("limit, most", [("MOST_FILES", 4), ("MOST_BYTES", 300_000)])
@pytest.mark.parametrize("inside", [False, True])
def test_a_student_over_the_bounds_costs_the_others_nothing(take, worked, monkeypatch, limit, most, inside):
    monkeypatch.setattr(archives, limit, most)
    monkeypatch.setattr(archives.Budget.__init__, "__defaults__", (archives.MOST_FILES, archives.MOST_BYTES))
    many = {f"{n}.npz": os.urandom(100_000) for n in range(5)}
    result, adas = take({ADA + "h.zip": zipped(many)} if inside else {ADA + name: data for name, data in many.items()})
    assert not adas and "of one student" in result.problems[0]


@pytest.mark.parametrize("name", [BEN + NOTEBOOK, "bitdiddleben_102_999_01_tiny.ipynb", "ben/01_tiny/01_tiny.ipynb"])
def test_no_archive_of_a_student_speaks_for_another(take, worked, name):
    data = worked(train_net="beta = 1")
    result, adas = take({ADA + "h.zip": zipped({name: data})})
    assert adas == {NOTEBOOK: data}, result


def test_no_folder_of_a_student_speaks_for_another(roster, worked):
    forged = f"ada/{BEN}{NOTEBOOK}"
    for number, files in enumerate(
        ({forged: b"{}", "zoé/x.ipynb": worked()}, {forged: worked(), "ben/x.ipynb": worked("small")})
    ):
        path = roster.folder / "downloads" / f"{number}.zip"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zipped(files))
        collect(roster.folder, [path])
    assert not (roster.folder / "submitted" / "ben" / "01_tiny").exists()
    assert (roster.folder / "submitted" / "ada" / "01_tiny" / NOTEBOOK).is_file()


def test_a_canvas_name_that_is_no_files_name_is_left_out(roster, worked):
    path = roster.folder / "d.zip"
    path.write_bytes(zipped({"lovelaceada_101_1_..": b"x", "lovelaceada_101_2_01_tiny.ipynb": worked()}))
    result = collect(roster.folder, [path])
    path.unlink()
    assert set(below(roster.folder / "submitted")) == {f"ada/01_tiny/{NOTEBOOK}"} and result.problems


def test_a_damaged_notebook_in_a_class_is_one_line(take, worked):
    def damage(data):
        place = data.find(b"harm")
        return data[:place] + b"x" + data[place + 1 :]

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # not packed, so that it can be found
        archive.writestr(zipfile.ZipInfo(ADA + NOTEBOOK, TIME), b'{"harm": 1}')
    result, adas = take({ADA + "a.zip": damage(out.getvalue()).replace(ADA.encode(), b"x" * len(ADA))})
    assert not adas and len(result.problems) == 1 and "damaged" in result.problems[0]


@pytest.mark.parametrize("data", [b"", b"not a zip", zipped({ADA + NOTEBOOK: b"{}"})[:-10]])
def test_a_download_that_cannot_be_opened_is_one_line_and_others_go_on(roster, worked, data):
    downloads = roster.folder / "downloads"
    downloads.mkdir()
    (downloads / "1.zip").write_bytes(data)
    (downloads / "2.zip").write_bytes(zipped({BEN + NOTEBOOK: worked()}))
    result = collect(roster.folder, [downloads / "1.zip", downloads / "2.zip"])
    assert set(below(roster.folder / "submitted")) == {f"ben/01_tiny/{NOTEBOOK}"}
    assert len(result.problems) == 1 and "1.zip" in result.problems[0] and "damaged" in result.problems[0]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_links_in_an_unpacked_download_are_not_followed(roster, worked):
    folder = roster.folder / "downloads" / "ada"
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_bytes(worked())
    (folder / "weights").symlink_to("/etc")
    (folder / "passwd.npz").symlink_to("/etc/passwd")
    result = collect(roster.folder, [roster.folder / "downloads"])
    assert set(below(roster.folder / "submitted")) == {f"ada/01_tiny/{NOTEBOOK}"} and len(result.problems) == 2


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_nothing_is_written_through_a_link_in_submitted(roster, worked, tmp_path):
    path = roster.folder / "d.zip"
    path.write_bytes(zipped({ADA + NOTEBOOK: worked(), ADA + "weights/n.npz": b"n"}))
    target = roster.folder / "submitted" / "ada" / "01_tiny"
    target.mkdir(parents=True)
    (target / NOTEBOOK).write_bytes(worked())
    (target / "weights").symlink_to(tmp_path)
    result = collect(roster.folder, [path])
    path.unlink()
    assert not list(tmp_path.iterdir()) and result.exit_code == 3 and "is a link" in result.faults[0]


def test_two_files_of_one_name_but_for_case_do_not_meet(take, worked):
    files = {
        ADA + NOTEBOOK: worked(),
        ADA + "weights/N.npz": b"1",
        ADA + "Weights/n.npz": b"1",
        ADA + "a": b"",
        ADA + "A/b": b"",
    }
    result, adas = take(files)
    assert len([name for name in adas if name.endswith("npz")]) == 1
    assert len({name.casefold().split("/")[0] for name in adas}) == 3 and len(result.problems) == 1


def test_random_bytes_in_an_archive_never_end_a_run(roster, worked):
    good = bytearray(zipped({ADA + NOTEBOOK: worked(), ADA + "h.zip": zipped({"weights/n.npz": b"n" * 99})}))
    for number in range(60):
        data = bytearray(good)
        place = (number * 7919) % len(data) if number < 30 else len(data) - 1 - (number - 30) * 7
        data[place : place + 2] = struct.pack("<H", (number * 40503) & 0xFFFF)
        path = roster.folder / "fuzz.zip"
        path.write_bytes(data)
        try:
            result = collect(roster.folder, [path], dry_run=True)
            assert result.rows or result.problems or result.left_out
        finally:
            path.unlink()
