"""The documents under test: they name what exists, all of it, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(settings.BASE_DIR)
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

OUR_APPS = {"bankportal", "accounts", "streaming"}
# Django's own, used as it is.
DJANGOS_COMMANDS = {"check", "collectstatic", "compilemessages", "migrate"}
SOCKETS = {"/ws/live/"}


def rows_below(header: str) -> Iterator[str]:
    """Give the first cells of the tables whose first column is called ``header``."""
    for table in re.findall(rf"^\| {header} \|.*\n(?:\|.*\n)+", README, re.MULTILINE):
        for row in table.splitlines()[2:]:
            yield row.split("|")[1]


def names_below(header: str) -> set[str]:
    return {name for cell in rows_below(header) for name in re.findall(r"`([^`]+)`", cell)}


def our_commands() -> set[str]:
    return {name for name, app in get_commands().items() if app.split(".")[0] in OUR_APPS}


def settings_read() -> set[str]:
    source = (ROOT / "bankportal" / "settings.py").read_text(encoding="utf-8")
    return set(re.findall(r"env\.\w+\(\s*\"(\w+)\"", source))


def make_targets() -> set[str]:
    source = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w-]+):.*## ", source, re.MULTILINE)) - {"help"}


def pages(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if here == "/admin/":
            yield here
        elif isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns, here)
        else:
            yield re.sub(r"<\w+:(\w+)>", r"<\1>", here)


def test_the_readme_names_every_command_and_no_other():
    named = {name.split()[0] for name in names_below("command") if not name.startswith("make ")}

    assert named == our_commands()


def test_the_readme_names_every_make_target_and_no_other():
    named = {name.removeprefix("make ") for name in names_below("command") if "make " in name}

    assert named == make_targets()


def test_the_readme_names_every_setting_and_no_other():
    assert names_below("setting") == settings_read()


def test_the_readme_names_every_page_and_no_other():
    assert names_below("address") == {*pages(get_resolver().url_patterns), *SOCKETS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_speaks_of_commands_that_exist(document):
    text = document.read_text(encoding="utf-8")

    named = set(re.findall(r"manage\.py ([a-z_]+)", text))
    made = set(re.findall(r"`make ([a-z-]+)", text))

    assert named <= our_commands() | DJANGOS_COMMANDS
    assert made <= make_targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_of_a_document_leads_somewhere(document):
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    broken = [link for link in links if not (document.parent / link.split("#")[0]).exists()]

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_speaks_of_files_that_exist(document):
    text = document.read_text(encoding="utf-8")
    suffixes = "py|json|toml|yaml|css|js|html|csv|md"
    named = re.findall(rf"`((?:[\w.-]+/)+[\w.-]+\.(?:{suffixes}))`", text)
    tops = {path.name for path in ROOT.iterdir()}

    assert [
        name for name in named if name.split("/")[0] in tops and not (ROOT / name).exists()
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_speaks_of_tests_that_exist(document):
    files = list((ROOT / "tests").rglob("*.py"))
    functions = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}

    named = set(re.findall(r"`(test_\w+)`", document.read_text(encoding="utf-8")))

    assert named <= functions | {file.stem for file in files}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_within_a_document_leads_to_a_heading(document):
    text = document.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}

    assert set(re.findall(r"\]\(#([^)\s]+)\)", text)) <= anchors


def test_the_readme_starts_with_how_to_run_it():
    assert "make run" in README[:600]


def test_the_changelog_has_a_place_for_what_is_new():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_decisions_are_numbered_without_a_gap_and_say_their_status():
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    for path in files:
        assert "\nStatus: " in path.read_text(encoding="utf-8"), path.name
