"""No file of code is too long to be read in one go."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("autoencoder_grader", "autoencoder_helpers", "benchmarks", "docs", "tests")
MOST_LINES = 500


def test_no_file_of_code_is_above_500_lines():
    files = [*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))]
    lines = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert set(FOLDERS) <= {name.split("/")[0] for name in lines}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
