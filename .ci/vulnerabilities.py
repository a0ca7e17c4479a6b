"""Asks whether an advisory is known for anything in the bill of materials.

Of the OSV service, in one question, or of advisories in OSV's form that somebody has brought to a
machine without a way out. Exit codes: 0 none is known, 1 some are, 75 nobody could be asked, so
that nothing is known.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import truststore
from packaging.version import InvalidVersion, Version

SERVICE = "https://api.osv.dev/v1/querybatch"
ANSWER_WITHIN_S = 30.0
AT_A_TIME = 1_000
ECOSYSTEMS = {"pypi": "PyPI", "npm": "npm", "maven": "Maven"}

EXIT_FOUND, EXIT_TRY_AGAIN, EXIT_REFUSED = 1, 75, 78

Json = dict[str, Any]


class NotAsked(Exception):
    """The service gave no answer; the text says why."""


class Unusable(Exception):
    """What was given to read cannot be; the text says what and the remedy."""


def main() -> int:
    """Ask, say what was found, give the exit code."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sbom", type=Path, default=Path("dist/sbom.cdx.json"))
    words.add_argument(
        "--advisories", type=Path, help="a file of advisories in OSV's form, or a folder of them"
    )
    words.add_argument(
        "--service", default=SERVICE, help="an OSV service other than the public one"
    )
    given = words.parse_args()
    try:
        parts = list(parts_of(given.sbom))
        if given.advisories:
            found = advised_offline(parts, list(advisories_in(given.advisories)))
            asked = str(given.advisories)
        else:
            found, asked = advised_by(given.service, parts), given.service
    except NotAsked as reason:
        print(
            f"NOT CHECKED: {given.service} could not be asked ({reason}). Whether there are known "
            "vulnerabilities is open. Try again where it can be reached, or bring its advisories "
            "here and name them: make vulnerabilities ADVISORIES=FOLDER",
            file=sys.stderr,
        )
        return EXIT_TRY_AGAIN
    except Unusable as reason:
        print(reason, file=sys.stderr)
        return EXIT_REFUSED
    for purl, advisory in found:
        print(f"{purl}: {advisory}")
    print(f"{len(found)} known advisories for {len(parts)} components, by {asked}.")
    return EXIT_FOUND if found else 0


def parts_of(sbom: Path) -> Iterator[tuple[str, str, str, str]]:
    """Give package URL, ecosystem, name and version of each component, by OSV's names."""
    try:
        components = json.loads(sbom.read_text(encoding="utf-8"))["components"]
    except (OSError, ValueError, KeyError) as reason:
        raise Unusable(f"{sbom} is no bill of materials ({reason}). Make one: make sbom") from None
    for each in components:
        kind, _, path = unquote(each["purl"]).removeprefix("pkg:").partition("/")
        name = path.rpartition("@")[0]
        if kind == "maven":
            name = name.replace("/", ":")
        yield each["purl"], ECOSYSTEMS[kind], name, each["version"]


def advised_by(service: str, parts: list[tuple[str, str, str, str]]) -> list[tuple[str, str]]:
    """Give the advisories that the service knows, each with what it is about."""
    # The certificates that this machine trusts, as behind a company's proxy.
    truststore.inject_into_ssl()
    found: list[tuple[str, str]] = []
    for at in range(0, len(parts), AT_A_TIME):
        asked = parts[at : at + AT_A_TIME]
        answers = _ask(service, [{"package": {"purl": purl}} for purl, *_ in asked])
        for (purl, *_), answer in zip(asked, answers, strict=True):
            found += [(purl, each["id"]) for each in answer.get("vulns", [])]
    return found


def _ask(service: str, queries: list[Json]) -> list[Json]:
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(  # noqa: S310 # whoever names the service chooses it
        service, body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310
            results = json.load(answer)["results"]
    except (OSError, ValueError, KeyError, TypeError) as reason:
        raise NotAsked(getattr(reason, "reason", None) or reason) from None
    if not isinstance(results, list) or len(results) != len(queries):
        raise NotAsked("its answer is not one for each question")
    return [each or {} for each in results]


def advisories_in(place: Path) -> Iterator[Json]:
    """Give the advisories in a file or a folder; refuses one that holds none."""
    files = sorted(place.rglob("*.json")) if place.is_dir() else [place]
    if not files:
        raise Unusable(f"{place} holds no advisories. Name a folder with OSV's files in it.")
    for file in files:
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as reason:
            raise Unusable(f"{file} cannot be read as advisories: {reason}") from None
        yield from held if isinstance(held, list) else [held]


def advised_offline(
    parts: list[tuple[str, str, str, str]], advisories: Iterable[Json]
) -> list[tuple[str, str]]:
    """Give which of ``advisories`` are about which part. In doubt it is about it."""
    versions: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for purl, ecosystem, name, version in parts:
        versions.setdefault((ecosystem, _plain(name)), []).append((purl, version))
    found: list[tuple[str, str]] = []
    for advisory in advisories:
        if advisory.get("withdrawn"):
            continue
        for affected in advisory.get("affected", []):
            package = affected.get("package", {})
            place = package.get("ecosystem", ""), _plain(package.get("name", ""))
            found += [
                (purl, advisory["id"])
                for purl, version in versions.get(place, [])
                if _is_affected(version, affected) and (purl, advisory["id"]) not in found
            ]
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _is_affected(version: str, affected: Json) -> bool:
    if version in affected.get("versions", []):
        return True
    ranges = [each for each in affected.get("ranges", []) if each.get("type") != "GIT"]
    if not ranges:
        # It names its versions, and ours is none of them; or it names none at all.
        return not affected.get("versions")
    try:
        return any(_is_within(Version(version), each["events"]) for each in ranges)
    except (InvalidVersion, KeyError):
        return True


def _is_within(version: Version, events: list[dict[str, str]]) -> bool:
    """Go through what happened, in its order: introduced, fixed, last affected."""
    is_inside = False
    for event in events:
        if "introduced" in event and version >= Version(event["introduced"]):
            is_inside = True
        if "fixed" in event and version >= Version(event["fixed"]):
            is_inside = False
        if "last_affected" in event and version > Version(event["last_affected"]):
            is_inside = False
    return is_inside


if __name__ == "__main__":
    sys.exit(main())
