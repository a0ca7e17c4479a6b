"""What a start brings up to date."""

from pathlib import Path

import pytest

from bankportal.prepare import _written_in


@pytest.mark.parametrize("left", ["", "{", None])
def test_what_a_full_disk_has_left_of_a_stamp_is_none(tmp_path: Path, left: str | None):
    """Red where it is read as it is: every later start ends with a traceback."""
    stamp = tmp_path / "collected.json"
    if left is not None:
        stamp.write_text(left)

    assert _written_in(stamp) is None
