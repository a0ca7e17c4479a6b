"""The secret that a first start makes for itself."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from bankportal.secrets import kept_secret


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path):
    made = kept_secret(tmp_path / "key.txt")

    assert len(made) > 80
    assert kept_secret(tmp_path / "key.txt") == made
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["", "\n", "Zm9v"])
def test_one_that_a_power_cut_has_cut_short_is_refused_with_the_remedy(tmp_path: Path, left: str):
    """Red where it is taken as it is: pages start, and fail at the first signature."""
    path = tmp_path / "key.txt"
    path.write_text(left)

    with pytest.raises(ImproperlyConfigured, match=r"key\.txt is empty or cut short.*delete it"):
        kept_secret(path)

    assert path.read_text() == left
