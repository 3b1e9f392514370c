"""Every pinned package has a wheel for every machine that the README names, by a list that is kept: nothing is asked.

tests/support/listing_wheels.py makes the list. Which of them pip would take, its own rules of tags say.
"""

import functools
import re
import runpy
from pathlib import Path

import listing_wheels
import pytest
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

INSTALL = runpy.run_path(str(listing_wheels.REPOSITORY / "install.py"))
PYTHONS = range(INSTALL["OLDEST"][1], INSTALL["NEWEST"][1] + 1)
#: System -> what markers ask for there.
MARKERS = {
    "linux": {"os_name": "posix", "platform_system": "Linux"},
    "darwin": {"os_name": "posix", "platform_system": "Darwin"},
    "win32": {"os_name": "nt", "platform_system": "Windows"},
}
MACHINES = [(system, processor) for system, names in INSTALL["PROCESSORS"].items() for processor in names]


@functools.cache
def there():
    """(Name, version) -> [(digits of its sum, its tags)] of the wheels in the list."""
    found = {}
    for line in listing_wheels.LIST.read_text(encoding="utf-8").splitlines():
        digits, file = line.split()
        name, version, _, tags = parse_wheel_filename(file)
        found.setdefault((name, str(version)), []).append((digits, tags))
    return found


@functools.cache
def pinned():
    """[(requirement, the sums that pip takes)] of constraints.txt."""
    parts = re.split(r"^(?=[A-Za-z0-9])", listing_wheels.CONSTRAINTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for part in parts[1:]:
        requirement = Requirement(part.splitlines()[0].removesuffix("\\").strip())
        sums = re.findall(r"sha256:([0-9a-f]{64})", part)
        found.append((requirement, {one[: listing_wheels.DIGITS] for one in sums}))
    return found


def platforms(system, processor, glibc, macos):
    """The tags of platforms that such a machine takes wheels of."""
    if system == "win32":
        return [f"win_{processor}"]
    if system == "darwin":
        return [*mac_platforms(macos, processor)]
    names = [f"manylinux_2_{minor}_{processor}" for minor in range(glibc[1], 16, -1)]
    older = ("manylinux2014", *(("manylinux2010", "manylinux1") if processor == "x86_64" else ()))
    # Since 2.5 and 2.12 on x86_64.
    more = [f"manylinux_2_{minor}_{processor}" for minor in range(16, 4, -1)] if processor == "x86_64" else []
    return [*names, *more, *(f"{name}_{processor}" for name in older)]


def missing(minor, system, processor, glibc=INSTALL["GLIBC"], macos=INSTALL["MACOS"]):
    """The pinned packages that have no wheel there."""
    place = platforms(system, processor, glibc, macos)
    tags = {*cpython_tags((3, minor), platforms=place), *compatible_tags((3, minor), f"cp3{minor}", place)}
    marked = {
        **MARKERS[system],
        "sys_platform": system,
        "platform_machine": processor,
        "python_full_version": f"3.{minor}.0",
        "python_version": f"3.{minor}",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    lacking = []
    for requirement, sums in pinned():
        if requirement.marker is None or requirement.marker.evaluate(marked):
            (version,) = requirement.specifier
            wheels = there().get((canonicalize_name(requirement.name), version.version), [])
            if not any(digits in sums and tags & its for digits, its in wheels):
                lacking.append(f"{requirement.name} {version.version}")
    return lacking


@pytest.mark.parametrize("minor", PYTHONS)
@pytest.mark.parametrize(("system", "processor"), MACHINES)
def test_every_pinned_package_has_a_wheel(minor, system, processor):
    assert missing(minor, system, processor) == []


@pytest.mark.parametrize(
    ("machine", "older"),
    [(("linux", "x86_64"), {"glibc": (2, 26)}), (("darwin", "arm64"), {"macos": (11, 7)})],
)
def test_the_set_up_refuses_nothing_that_has_all_wheels(machine, older):
    assert all(missing(minor, *machine, **older) for minor in PYTHONS)


@pytest.mark.parametrize(
    ("minor", "machine"), [(14, ("linux", "x86_64")), (13, ("darwin", "x86_64")), (13, ("win32", "arm64"))]
)
def test_where_the_set_up_says_that_there_are_none_there_are_none(minor, machine):
    assert any(name.startswith("tensorflow ") for name in missing(minor, *machine))


def test_the_list_is_of_these_pins():
    sums = set().union(*(found for _, found in pinned()))
    assert {digits for wheels in there().values() for digits, _ in wheels} <= sums
    assert {(canonicalize_name(one.name), next(iter(one.specifier)).version) for one, _ in pinned()} == set(there())
    text = listing_wheels.LIST.read_text(encoding="utf-8")
    assert "://" not in text and Path(listing_wheels.LIST).stat().st_size < 200_000
    assert listing_wheels.command()[:3] == ["uv", "pip", "compile"]
