"""That each row of docs/faults.md has its test, and each test of a fault its row."""

import re
from collections import Counter

from tests.processes import ROOT

_ROW = re.compile(r"^\| (\d+b?) \|", re.MULTILINE)
_MARK = re.compile(r"mark\.fault\(\"(\d+b?)\"\)")


def marked() -> Counter[str]:
    """The numbers of faults, and how many tests carry each."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    return Counter(number for source in sources for number in _MARK.findall(source))


def test_each_fault_of_the_table_has_a_test_and_each_test_its_row():
    rows = _ROW.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8"))

    assert len(rows) == len(set(rows)) == 30
    assert marked().keys() == set(rows)
