"""Downloads as platforms pack them, made up: zip files with what a test says, names and marks of any kind."""

import io
import stat
import zipfile

TIME = (2026, 5, 1, 12, 0, 0)


def zipped(files, time=TIME):
    """The bytes of a zip file. files: name -> bytes, or (bytes, time); in the order of the entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            content, own = content if isinstance(content, tuple) else (content, time)
            info = zipfile.ZipInfo("entry", own)
            info.filename = name  # as it is: ZipInfo itself would change some
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def with_link(name, target):
    """The bytes of a zip file that holds a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name, TIME)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return out.getvalue()


def with_flag(data, flag, on=True):
    """A zip file's bytes with a flag of every entry set, or taken away: 1 says encrypted, 0x800 that names are UTF-8."""
    data = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while start >= 0:
            flags = int.from_bytes(data[start + place : start + place + 2], "little")
            flags = flags | flag if on else flags & ~flag
            data[start + place : start + place + 2] = flags.to_bytes(2, "little")
            start = data.find(mark, start + 4)
    return bytes(data)


def below(folder):
    """The files below a folder, by their paths in it, with their bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
