"""Several consumers are measured once they share all partitions, beside a rival that may lack."""

import pytest

from bench import scaling


def test_a_rival_that_is_not_installed_is_left_out_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(scaling, "find_spec", lambda _name: None)

    with scaling._hordak(server=None, count=1) as rival:
        assert rival == {}

    assert capsys.readouterr().err == "django-hordak is left out: `make bench` installs it.\n"


@pytest.mark.parametrize(
    ("shares", "are_shared"),
    [
        ([{0, 1}, {2}], True),
        ([{0, 1, 2}], False),
        ([{0, 1, 2}, set()], False),
        ([{0}, {2}], False),
        ([{0}, {1}, {2}], False),
        ([], False),
    ],
)
def test_consumers_are_measured_once_each_has_a_share_of_all_partitions(shares, are_shared):
    assert scaling.are_all_shared(shares, by=2, of=3) is are_shared
