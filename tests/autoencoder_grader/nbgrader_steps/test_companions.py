"""Of the files that were handed in, none that a browser could take for a page gets where formgrader serves files."""

import numpy as np
import pytest
from autoencoder_grader.kernels.no_page import is_no_page
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api

PAGE = "<!doctype html><script>document.title = 'ran'</script>"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><script>document.title = 'ran'</script></svg>"
#: Names under which a page might be handed in. Some are known to no browser, some to many.
PAGES = {
    **{f"evil.{end}": PAGE.encode() for end in ("html", "HTM", "xht", "shtml", "mht", "js", "css", "pdf", "php", "py")},
    **{f"evil.{end}": SVG.encode() for end in ("svg", "xhtml", "xml", "xsl", "svgz", "rdf", "atom", "json", "ipynb")},
    **{f"page.{end}": PAGE.encode() for end in ("txt", "csv", "tsv", "png", "jpg", "gif", "webp", "npz", "npy")},
    **{f"evil.html.{end}": PAGE.encode() for end in ("gz", "br", "zip", "bak", "", "~")},
    "evil": PAGE.encode(),
    "evil.html ": PAGE.encode(),
    "utf-16.txt": PAGE.encode("utf-16"),
    "utf-16be.txt": PAGE.encode("utf-16-be"),
    "utf-32.csv": PAGE.encode("utf-32"),
    "utf-7.txt": b"\xff+ADw-script+AD4-",
    "latin.txt": "é".encode("latin-1") + PAGE.encode(),
    "nbgrader_config.py": b"raise SystemExit",
}
KEPT = {
    "weights/net.npz": b"PK\x03\x04numbers",
    "data/numbers.csv": b"a,b\n1,2\n",
    "timestamp.txt": b"2026-05-01 12:00:00 UTC\n",
    "picture.PNG": b"\x89PNG\r\n\x1a\n...",
    "picture.jpg": b"\xff\xd8\xff...",
}


@pytest.mark.parametrize("name", PAGES)
def test_what_might_be_a_page_is_none_of_these(name):
    assert not is_no_page(name, PAGES[name])


def test_weights_data_and_pictures_are_carried_on(tmp_path):
    np.savez(tmp_path / "net.npz", beta=np.zeros(3))
    np.save(tmp_path / "z.npy", np.zeros(3))
    for path in tmp_path.iterdir():
        assert is_no_page(path.name, path.read_bytes())
    assert all(is_no_page(name.rpartition("/")[2], data) for name, data in KEPT.items())


def test_nothing_else_reaches_the_folders_of_graded_notebooks_and_feedback(graded_course, notebook):
    """With nbgrader's own commands, which copy all that they find, in folders within folders, too."""
    course = graded_course
    api = open_api(course.folder, SealedExecute={"trust_submissions": True})
    assert api.generate_assignment("01_tiny")["success"]
    folder = course.hand_in("mal", "01_tiny", notebook("tiny")).parent
    for name, data in {**PAGES, **{f"weights/deep/{name}": data for name, data in PAGES.items()}, **KEPT}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "timestamp.txt").write_bytes(KEPT["timestamp.txt"])
    assert api.autograde("01_tiny", "mal")["success"]
    graded = course.folder / "autograded" / "mal" / "01_tiny"

    def found(top):
        return {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}

    assert found(graded) == {"01_tiny.ipynb", *KEPT}
    assert api.generate_feedback("01_tiny", "mal")["success"]
    # The two others are nbgrader's own, for its exchange.
    assert found(course.folder / "feedback" / "mal" / "01_tiny") == {
        "01_tiny.html", "timestamp.txt", "submission_secret.txt",
    }  # fmt: skip
