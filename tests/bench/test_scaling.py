"""The rival is no part of what working on the portal takes."""

from bench import scaling


def test_a_rival_that_is_not_installed_is_left_out_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(scaling, "find_spec", lambda _name: None)

    with scaling._hordak(server=None, count=1) as rival:
        assert rival == {}

    assert capsys.readouterr().err == "django-hordak is left out: `make bench` installs it.\n"
