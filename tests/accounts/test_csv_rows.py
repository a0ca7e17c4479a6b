"""Texts of others in CSV files: no spreadsheet of any language takes them for formulas."""

import csv
import io
from unicodedata import category

import pytest

from accounts.csv_rows import csv_text, safe_cell

SIGNS = "=+-@＝＋－＠"


@pytest.mark.parametrize(
    "text",
    [
        *(f"{sign}1+1" for sign in SIGNS),
        *("\t1", "\r1", "\n1", "\u200b=1", "\ufeff=1", " =1", "\u00a0@A1"),
        *("a;=cmd|' /C calc'!A0;", "a; +1", "a\t-1", "a\n=1", "a\r\n=1", ";;\u200b=1", "\t=1"),
        *('a;"=1', 'a;"=1;b', '"=1', 'a;""=1', 'a;" "\u200e@1', 'a\t"+1', 'a;"\n"-1'),
        *("a;\u3000=1", "\u202d=1", "a\u2028=1", "a\v=1", "a;\xad=1", "a;\0=1", "a;\U000e0020=1"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_part_of_a_text_begins_a_formula_however_cells_are_parted(text, separator):
    lines = csv_text([["before", safe_cell(text), "after"]]).splitlines()

    for line in lines:
        for cell in next(csv.reader(io.StringIO(line), delimiter=separator)):
            assert not _seen(cell).startswith(tuple(SIGNS)), cell


def _seen(cell: str) -> str:
    """Leave out what a spreadsheet may pass over: signs without a shape, and quotes."""
    return "".join(each for each in cell if each != '"' and category(each)[0] not in "CZ")


@pytest.mark.parametrize(
    "text",
    ["", "Loyer mars", "a-b", "a; b", "1 = 1", "C-100", "a@b.example", "l’été: +3 %", 'le "4=4"'],
)
def test_any_other_text_stays_as_it_was_written(text):
    assert safe_cell(text) == text


def test_the_apostrophe_stands_before_the_sign():
    assert safe_cell("=1") == "'=1"
    assert safe_cell("a;=1") == "a;'=1"
    assert safe_cell("\ta") == "'\ta"
