"""Which wheels there are of the pinned packages, for the machines that the course names: tests/wheels.txt, made anew by

    .venv/bin/python tests/support/listing_wheels.py

after each change of constraints.txt. It asks the package index, by uv, for the same versions again; the tests ask nobody.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

REPOSITORY = Path(__file__).resolve().parents[2]
CONSTRAINTS, LIST = REPOSITORY / "constraints.txt", REPOSITORY / "tests" / "wheels.txt"
#: Of the sums in constraints.txt, so many digits stand in the list.
DIGITS = 16
#: Tags of wheels that somebody may ask for: of CPython and of any Python, for systems that the course names or refuses.
_PYTHONS = re.compile(r"cp3\d*|py3\d*|py2")
_SYSTEMS = re.compile(
    r"any|win_(amd64|arm64)|(manylinux\w*|linux)_(x86_64|aarch64)|macosx_\w+_(arm64|x86_64|universal2)"
)


def wanted(file: str) -> bool:
    """Whether a wheel of this name may be for one of the machines."""
    try:
        tags = parse_wheel_filename(file)[3]
    except InvalidWheelFilename:
        return False
    return any(
        _PYTHONS.fullmatch(tag.interpreter) and _SYSTEMS.fullmatch(tag.platform) and not tag.abi.endswith("t")
        for tag in tags
    )


def listed(lock: str) -> str:
    """The list, from what uv writes as pylock.toml."""
    lines = []
    for package in tomllib.loads(lock)["packages"]:
        for wheel in package.get("wheels", ()):
            file = wheel.get("name") or wheel["url"].rpartition("/")[2]
            if wanted(file):
                lines.append(f"{wheel['hashes']['sha256'][:DIGITS]} {file}\n")
    return "".join(sorted(lines, key=lambda line: line.split()[1].lower()))


def command() -> list[str]:
    """What made constraints.txt, as it says itself, but for the form and with its versions as bounds."""
    (made,) = re.findall(r"^# +(uv pip compile .*)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    words = made.removesuffix(f" -o {CONSTRAINTS.name}").split()
    words = [word for word in words if word not in ("--generate-hashes", "--annotation-style", "line")]
    return [*words, "--constraints", CONSTRAINTS.name, "--format", "pylock.toml", "--quiet"]


if __name__ == "__main__":
    done = subprocess.run(command(), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("uv did not say which wheels there are; the lines above say why")
    LIST.write_text(listed(done.stdout), encoding="utf-8")
    print(f"{LIST}: {len(LIST.read_text(encoding='utf-8').splitlines())} wheels")
