"""The photos: real downloads from a server on this computer, hostile archives, what becomes of a photo."""

import contextlib
import hashlib
import io
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from autoencoder_helpers import CourseError
from autoencoder_helpers.images import cache, flower_photos
from autoencoder_helpers.images.flower_photos import RemoteArchive, fetch, load_photos
from PIL import Image

SHARED = Path(__file__).parents[4] / "shared" / "data" / "flower_photos_128.tgz"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"no development archive at {SHARED}")
SPECIES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOENCODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(flower_photos, "PAUSE_SECONDS", 0.0)
    return tmp_path / "cache"


# -- a server that behaves, and that misbehaves in all the ways a real one does


class Server:
    """Serves ``content`` under /flowers.tgz; ``faults`` are taken one for each request, then it behaves."""

    def __init__(self, content: bytes):
        self.content, self.faults, self.asked = content, [], []
        self.remote_size = len(content)
        self.sha256 = hashlib.sha256(content).hexdigest()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def remote(self) -> RemoteArchive:
        url = f"http://127.0.0.1:{self.http.server_port}/flowers.tgz"
        return RemoteArchive(url, self.remote_size, self.sha256)

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        fault = self.faults.pop(0) if self.faults else None
        if fault in (404, 503):
            request.send_error(fault)
            return
        content = b"<html>Log in first</html>" if fault == "login page" else self.content
        start = 0 if asked is None or fault == "ignores Range" else first_byte(asked)
        if start >= len(content):
            request.send_error(416)
            return
        if fault == "another part":
            start += 7
        body = content[start:]
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        if fault == "breaks off":
            body = body[: len(body) // 2]
        elif fault == "breaks off at once":
            body = b""
        with contextlib.suppress(ConnectionError):
            request.wfile.write(body)
        request.close_connection = True

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def archive_bytes():
    """The archive that the server serves: the one for development, or random bytes where it is absent."""
    return SHARED.read_bytes() if SHARED.exists() else np.random.default_rng(0).bytes(5_000_000)


@pytest.fixture
def server(archive_bytes):
    server = Server(archive_bytes)
    yield server
    server.close()


def first_byte(asked: str) -> int:
    """Return 7 for the header "bytes=7-"."""
    return int(asked.removeprefix("bytes=").removesuffix("-"))


def is_about(found: int, sent: int) -> bool:
    """Whether at most the last block of what was sent is lost."""
    return sent - flower_photos.BLOCK_BYTES < found <= sent


def part_file(own_cache):
    (path,) = (own_cache / "flowers").glob("*.part")
    return path


def is_one_line(caught):
    text = str(caught.value)
    return "\n" not in text and 'source="synthetic"' in text and "AUTOENCODER_FLOWERS" in text


def test_a_download_arrives_whole_and_only_once(server, capfd):
    path = fetch(server.remote)
    assert path.read_bytes() == server.content
    assert fetch(server.remote) == path
    assert server.asked == [None]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    out, err = capfd.readouterr()
    assert "flowers.tgz" in out and "100%" in out and err == ""


def test_a_connection_that_breaks_off_is_taken_up_where_it_ended(server):
    server.faults = ["breaks off", "breaks off"]
    assert fetch(server.remote).read_bytes() == server.content
    half = len(server.content) // 2
    assert server.asked[0] is None and len(server.asked) == 3
    first, second = map(first_byte, server.asked[1:])
    assert is_about(first, half) and is_about(second, first + (len(server.content) - first) // 2)


def test_an_interrupted_download_goes_on_in_the_next_call(server, own_cache):
    server.faults = ["breaks off"] + ["breaks off at once"] * flower_photos.ATTEMPTS
    with pytest.raises(CourseError, match="goes on from there") as caught:
        fetch(server.remote)
    held = part_file(own_cache).stat().st_size
    assert is_about(held, len(server.content) // 2)
    assert is_one_line(caught) and f"{held:,} of {len(server.content):,} bytes" in str(caught.value)
    server.asked.clear()
    assert fetch(server.remote).read_bytes() == server.content
    assert server.asked == [f"bytes={held}-"]


@pytest.mark.parametrize("fault", ["ignores Range", "another part"])
def test_a_server_that_sends_another_range_makes_it_start_again(server, fault):
    server.faults = ["breaks off", fault]
    assert fetch(server.remote).read_bytes() == server.content
    assert is_about(first_byte(server.asked[1]), len(server.content) // 2)
    assert server.asked[2:] == ([] if fault == "ignores Range" else [None])


def test_a_finished_part_is_not_fetched_again(server, own_cache):
    path = fetch(server.remote)
    path.rename(path.with_name(path.name + ".part"))
    server.asked.clear()
    assert fetch(server.remote).read_bytes() == server.content
    assert server.asked == []


def test_a_part_that_is_too_long_starts_again(server, own_cache):
    path = fetch(server.remote)
    path.with_name(path.name + ".part").write_bytes(path.read_bytes() + b"x")
    path.unlink()
    assert fetch(server.remote).read_bytes() == server.content


def test_wrong_bytes_are_deleted_and_named(server, own_cache):
    right = server.content
    server.content = right[:1000] + bytes([right[1000] ^ 1]) + right[1001:]
    with pytest.raises(CourseError, match="other bytes than expected.*deleted") as caught:
        fetch(server.remote)
    assert is_one_line(caught)
    assert list((own_cache / "flowers").iterdir()) == []
    server.content = right
    assert fetch(server.remote).read_bytes() == right


def test_wrong_bytes_from_an_earlier_interruption_do_not_last(server, own_cache):
    server.faults = ["breaks off"] + ["breaks off at once"] * flower_photos.ATTEMPTS
    with pytest.raises(CourseError):
        fetch(server.remote)
    with open(part_file(own_cache), "rb+") as file:
        file.write(b"damaged")
    with pytest.raises(CourseError, match="other bytes than expected"):
        fetch(server.remote)
    assert fetch(server.remote).read_bytes() == server.content


def test_a_damaged_archive_in_the_cache_is_fetched_again(server, capsys):
    path = fetch(server.remote)
    os.truncate(path, 1000)
    assert fetch(server.remote).read_bytes() == server.content
    assert "damaged" in capsys.readouterr().out


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_of_the_server_is_one_line(server, own_cache, status):
    server.faults = [status]
    with pytest.raises(CourseError, match=f"answered {status}") as caught:
        fetch(server.remote)
    assert is_one_line(caught) and server.remote.url in str(caught.value)


def test_a_page_in_place_of_the_archive_is_refused_before_it_is_kept(server, own_cache):
    server.faults = ["login page"]
    with pytest.raises(CourseError, match="25 bytes instead of") as caught:
        fetch(server.remote)
    assert is_one_line(caught)
    assert part_file(own_cache).stat().st_size == 0


def test_no_network_is_one_line(server, own_cache):
    remote = server.remote
    server.http.server_close()
    with pytest.raises(CourseError, match="Cannot reach .*connect to a network") as caught:
        fetch(remote)
    assert is_one_line(caught)


def test_a_name_that_cannot_be_resolved_is_one_line(own_cache):
    with pytest.raises(CourseError, match="Cannot reach") as caught:
        fetch(RemoteArchive("http://flowers.invalid/flowers.tgz", 10, "0" * 64))
    assert is_one_line(caught)


@needs_shared
def test_the_whole_way_from_the_server_to_the_arrays(server, own_cache, capfd):
    size = 16  # quicker to make than 80
    assert not flower_photos.public_photos_at_hand(size, server.remote)
    photos = load_photos(None, size, server.remote)
    assert photos.images.shape == (4000, size, size, 3) and photos.images.dtype == np.uint8
    assert photos.class_names == SPECIES and photos.labels.dtype == np.uint8
    assert np.bincount(photos.labels).tolist() == [712, 980, 723, 682, 903]
    # The middle of a photo is the middle of its square, whatever the decoder's version.
    with tarfile.open(SHARED) as archive:
        first = min((m for m in archive if "/roses/" in m.name), key=lambda member: member.name)
        with Image.open(archive.extractfile(first)) as image:
            expected = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS), float)
    found = photos.images[np.flatnonzero(photos.labels == 2)[0]]
    assert np.abs(found - expected).max() <= 1
    assert capfd.readouterr().err == ""

    assert flower_photos.public_photos_at_hand(size, server.remote)
    again = load_photos(None, size, server.remote)
    np.testing.assert_array_equal(again.images, photos.images)
    # The same archive, named as a local one, is the same set: nothing is prepared again.
    local = load_photos(SHARED, size)
    np.testing.assert_array_equal(local.images, photos.images)
    assert server.asked == [None] and "scaling" not in capfd.readouterr().out


# -- local sets, small ones made here


def jpeg(colour=(200, 40, 60), width=60, height=40, form="JPEG", **settings) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, form, **settings)
    return file.getvalue()


def small_set(photos=12) -> dict[str, bytes]:
    return {f"flower_photos/{SPECIES[i % 5]}/{i:03}.jpg": jpeg((i * 20, 255 - i * 20, 128)) for i in range(photos)}


def pack(path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo] = ()) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return path


def lay_out(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_archive_folder_and_folder_around_it_give_the_same(tmp_path):
    files = small_set()
    archive = pack(tmp_path / "a.tgz", dict(reversed(files.items())))
    folder = lay_out(tmp_path / "around", files)
    sets = [load_photos(path, 16) for path in (archive, folder, str(folder / "flower_photos"))]
    for photos in sets:
        assert photos.class_names == SPECIES
        np.testing.assert_array_equal(photos.images, sets[0].images)
        np.testing.assert_array_equal(photos.labels, sorted(i % 5 for i in range(12)))
    # Ordered by species and file name: the first three are daisies 000, 005, 010.
    reds = sets[0].images[:3, 8, 8, 0].astype(int)
    assert np.abs(reds - [0, 100, 200]).max() < 6


def test_a_photo_is_cropped_to_its_centre_and_turned_upright(tmp_path):
    wide = Image.new("RGB", (90, 30), "black")
    wide.paste("white", (30, 0, 60, 30))
    wide.paste("red", (30, 0, 60, 10))  # the upper third of the middle
    file = io.BytesIO()
    wide.save(file, "PNG")
    turned = wide.transpose(Image.Transpose.ROTATE_90)
    orientation = Image.Exif()
    orientation[0x0112] = 6  # "turn by 90 degrees clockwise to see it upright"
    lying = io.BytesIO()
    turned.save(lying, "PNG", exif=orientation)
    asters = {"flower_photos/aster/a.png": file.getvalue(), "flower_photos/aster/b.png": lying.getvalue()}
    files = small_set(10) | asters
    photos = load_photos(pack(tmp_path / "a.tgz", files), 30)
    assert photos.class_names[0] == "aster"
    for square in photos.images[:2]:
        assert (square[15:] == 255).all()
        assert (square[:8] == (255, 0, 0)).all()


def test_grey_and_transparent_pictures_become_three_colours(tmp_path):
    grey, clear = io.BytesIO(), io.BytesIO()
    Image.new("L", (20, 20), 77).save(grey, "PNG")
    Image.new("RGBA", (20, 20), (1, 2, 3, 255)).save(clear, "PNG")
    asters = {"flower_photos/aster/a.PNG": grey.getvalue(), "flower_photos/aster/b.png": clear.getvalue()}
    files = small_set(10) | asters
    photos = load_photos(lay_out(tmp_path / "f", files), 8)
    assert (photos.images[0] == 77).all() and (photos.images[1] == (1, 2, 3)).all()


def test_unreadable_photos_are_left_out_and_counted_in_one_line(tmp_path, capfd):
    files = small_set(11)
    files["flower_photos/roses/broken.jpg"] = b"no photo"
    files["flower_photos/roses/cut.png"] = jpeg(form="PNG", width=300)[:-60]
    files["flower_photos/roses/empty.jpg"] = b""
    photos = load_photos(pack(tmp_path / "a.tgz", files), 8)
    assert len(photos.images) == 11
    out, err = capfd.readouterr()
    (line,) = (line for line in out.splitlines() if "could not be read" in line)
    assert line.startswith("3 of 14 flower photos") and "roses/broken.jpg" in line and err == ""


def test_other_files_are_no_photos(tmp_path):
    files = small_set() | {
        "flower_photos/LICENSE.txt": b"licence",
        "flower_photos/roses/notes.txt": b"notes",
        "flower_photos/roses/._001.jpg": b"litter of another system",
        "flower_photos/.hidden/001.jpg": jpeg(),
        "elsewhere/roses/001.jpg": jpeg(),
        "flower_photos/roses/deeper/001.jpg": jpeg(),
    }
    assert len(load_photos(pack(tmp_path / "a.tgz", files), 8).images) == 12


def test_too_few_photos_is_one_line(tmp_path):
    with pytest.raises(CourseError, match="holds 9 readable photos.*flower_photos/<species>/") as caught:
        load_photos(pack(tmp_path / "a.tgz", small_set(9)), 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [
        ("/etc/evil.jpg", tarfile.REGTYPE, "leads out"),
        ("flower_photos/../../evil.jpg", tarfile.REGTYPE, "leads out"),
        ("flower_photos\\..\\..\\evil.jpg", tarfile.REGTYPE, "leads out"),
        ("C:/evil.jpg", tarfile.REGTYPE, "leads out"),
        ("flower_photos/roses/link.jpg", tarfile.SYMTYPE, "a link or a device"),
        ("flower_photos/roses/link.jpg", tarfile.LNKTYPE, "a link or a device"),
        ("flower_photos/roses/pipe.jpg", tarfile.FIFOTYPE, "a link or a device"),
        ("flower_photos/roses/disk.jpg", tarfile.BLKTYPE, "a link or a device"),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path, own_cache, name, kind, what):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    archive = pack(tmp_path / "a.tgz", small_set(), [member])
    before = sorted(path for path in tmp_path.rglob("*") if own_cache not in path.parents)
    with pytest.raises(CourseError, match=what) as caught:
        load_photos(archive, 8)
    assert "\n" not in str(caught.value) and str(archive) in str(caught.value)
    after = sorted(path for path in tmp_path.rglob("*") if own_cache not in path.parents)
    assert set(after) - set(before) <= {own_cache}
    assert not list(own_cache.rglob("*.npz"))


def test_an_archive_with_a_giant_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(flower_photos, "MOST_BYTES", 5_000)
    files = small_set() | {"flower_photos/roses/giant.jpg": bytes(5_001)}
    with pytest.raises(CourseError, match="a file of more than"):
        load_photos(pack(tmp_path / "a.tgz", files), 8)


@pytest.mark.parametrize("damage", ["cut short", "changed byte", "wrong checksum", "no archive", "empty"])
def test_a_damaged_archive_is_one_line(tmp_path, own_cache, damage):
    archive = pack(tmp_path / "a.tgz", small_set(40))
    content = bytearray(archive.read_bytes())
    if damage == "cut short":
        content = content[: len(content) // 2]
    elif damage == "changed byte":
        content[len(content) // 2] ^= 255
    elif damage == "wrong checksum":
        content[-6] ^= 1
    else:
        content = b"" if damage == "empty" else b"no archive at all" * 100
    archive.write_bytes(content)
    with pytest.raises(CourseError, match="is damaged or is no tar archive.*pack it again") as caught:
        load_photos(archive, 8)
    assert "\n" not in str(caught.value)
    assert not list(own_cache.rglob("*.npz"))


def test_a_missing_path_is_one_line(tmp_path):
    with pytest.raises(CourseError, match="no archive or folder.*AUTOENCODER_FLOWERS") as caught:
        load_photos(tmp_path / "nothing.tgz", 8)
    assert "\n" not in str(caught.value)


def test_a_set_is_prepared_once_and_again_when_it_changes(tmp_path, capfd):
    folder = lay_out(tmp_path / "f", small_set(12))
    archive = pack(tmp_path / "a.tgz", small_set(12))
    for source in (folder, archive):
        load_photos(source, 8)
        assert "scaling" in capfd.readouterr().out
        load_photos(source, 8)
        assert capfd.readouterr().out == ""
    lay_out(folder, {"flower_photos/roses/new.jpg": jpeg()})
    pack(archive, small_set(13))
    for source in (folder, archive):
        assert len(load_photos(source, 8).images) == 13


def test_a_damaged_cache_is_prepared_again(tmp_path, own_cache, capfd):
    archive = pack(tmp_path / "a.tgz", small_set(12))
    right = load_photos(archive, 8).images
    (kept,) = own_cache.rglob("*.npz")
    content = bytearray(kept.read_bytes())
    content[1500] ^= 1  # among the pixels of the images
    kept.write_bytes(content)
    assert cache.load_arrays(kept) is None
    np.testing.assert_array_equal(load_photos(archive, 8).images, right)
    os.truncate(kept, 700)
    np.testing.assert_array_equal(load_photos(archive, 8).images, right)
