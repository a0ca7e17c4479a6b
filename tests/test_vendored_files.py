"""What other people wrote and we ship: named, licensed and unchanged since it was taken in."""

import hashlib
import json
from pathlib import Path

import pytest
from django.conf import settings

VENDOR = Path(settings.BASE_DIR) / "static" / "vendor"
FOLDERS = sorted(folder for folder in VENDOR.iterdir() if folder.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_vendored_package_names_its_version_and_licence(folder):
    record = json.loads((folder / "vendored.json").read_text())

    assert record["name"] == folder.name
    assert record["version"]
    assert record["licence"]
    assert (folder / "LICENSE").read_text().strip()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_vendored_file_is_the_one_that_was_recorded(folder):
    recorded = json.loads((folder / "vendored.json").read_text())["files"]

    present = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.name not in {"vendored.json", "LICENSE"}
    }

    assert present == recorded


def test_nothing_lies_beside_the_vendored_packages():
    assert [entry.name for entry in VENDOR.iterdir() if not entry.is_dir()] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_vendored_file_names_no_source_map_that_is_not_there(folder):
    texts = [file.read_text() for file in folder.iterdir() if file.suffix in {".js", ".css"}]

    assert not [text for text in texts if "sourceMappingURL=" in text]
