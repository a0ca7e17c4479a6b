"""Writes the bill of materials: everything that others made and the portal runs on or is made with.

CycloneDX as JSON, valid by its schema, from what the tree itself records: the locked
requirements, the vendored JavaScript, the locked jars of Kafka, and docs/licences.md.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
LICENCES = ROOT / "docs" / "licences.md"
TARGET = ROOT / "dist" / "sbom.cdx.json"
_REQUIREMENT = re.compile(r"([a-z0-9-]+)(?:\[\S+\])?==(\S+)(?: ; (.*?))? *\\?$")


@dataclass
class Part:
    """One thing that others made. ``for_whom`` names what needs it; none is the portal itself."""

    purl: PackageURL
    licence: str
    sha256: list[str] = field(default_factory=list)
    only_where: str = ""
    for_whom: set[str] = field(default_factory=set)
    scope: ComponentScope = ComponentScope.REQUIRED


def main() -> int:
    """Write the bill, and refuse one that its schema does not allow; give the exit code."""
    text = JsonV1Dot6(bill(list(parts()))).output_as_string(indent=1)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"The bill of materials is not valid: {fault}", file=sys.stderr)
        return 1
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.parent.mkdir(exist_ok=True)
    target.write_text(text + "\n", encoding="utf-8")
    print(f"{len(json.loads(text)['components'])} components: {target}")
    return 0


def parts() -> Iterator[Part]:
    """Give everything. Raises ``KeyError`` for what docs/licences.md has no line for."""
    licences = recorded_licences()
    shipped = list(python_parts(ROOT / "requirements.txt", licences))
    yield from shipped
    known = {each.purl for each in shipped}
    for lock, scope in (
        ("telemetry", ComponentScope.OPTIONAL),
        ("dev", ComponentScope.EXCLUDED),
        ("bench", ComponentScope.EXCLUDED),
    ):
        for each in python_parts(ROOT / f"requirements-{lock}.txt", licences):
            if each.purl not in known:
                known.add(each.purl)
                each.scope = scope
                yield each
    yield from vendored_parts()
    yield from jar_parts(licences)


def recorded_licences() -> dict[str, str]:
    """Give the licence of each name in the tables of docs/licences.md."""
    rows = re.findall(r"^\| `(\S+)` \| ([^|]+) \|", LICENCES.read_text(encoding="utf-8"), re.M)
    return {name: licence.strip() for name, licence in rows}


def python_parts(lock: Path, licences: dict[str, str]) -> Iterator[Part]:
    """Give what ``lock`` names, with the hashes of all its files and what it is needed by."""
    part: Part | None = None
    for line in lock.read_text(encoding="utf-8").splitlines():
        if found := _REQUIREMENT.match(line):
            if part:
                yield part
            name, version, marker = found.groups()
            part = Part(PackageURL("pypi", name=name, version=version), licences[name])
            part.only_where = marker or ""
        elif part and (digest := re.search(r"--hash=sha256:(\w+)", line)):
            part.sha256.append(digest[1])
        elif part and (needed_by := re.match(r" +#(?: via)? +([a-z0-9-]+)$", line)):
            part.for_whom.add(needed_by[1])
    if part:
        yield part


def vendored_parts() -> Iterator[Part]:
    """Give the JavaScript and styles that are kept in the tree."""
    for record in sorted((ROOT / "static" / "vendor").glob("*/vendored.json")):
        kept = json.loads(record.read_text(encoding="utf-8"))
        purl = PackageURL("npm", name=kept["name"], version=kept["version"])
        yield Part(purl, kept["licence"], sorted(kept["files"].values()))


def jar_parts(licences: dict[str, str]) -> Iterator[Part]:
    """Give the jars of the embedded Kafka."""
    lock = ROOT / "streaming" / "embedded" / "kafka-jars.lock.json"
    for jar in json.loads(lock.read_text(encoding="utf-8"))["jars"]:
        group, name, version = jar["coordinate"].split(":")
        purl = PackageURL("maven", group, name, version)
        licence = licences.get(f"{group}:{name}") or licences[f"{group}:*"]
        yield Part(purl, licence, [jar["sha256"]])


def bill(found: list[Part]) -> Bom:
    """Give the bill of ``found``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    made = Bom()
    portal = Component(
        name=project["name"],
        version=project["version"],
        description=project["description"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
    )
    made.metadata.component = portal
    components = {each.purl.to_string(): _component(each) for each in found}
    by_name = {each.purl.name: components[each.purl.to_string()] for each in found}
    needs: dict[Component, list[Component]] = {portal: []}
    for each in found:
        component = components[each.purl.to_string()]
        made.components.add(component)
        needs.setdefault(component, [])
        # One that only the list of requirements names, or nothing does, is the portal's own.
        for parent in [by_name[name] for name in each.for_whom if name in by_name] or [portal]:
            needs.setdefault(parent, []).append(component)
    for component, needed in needs.items():
        made.register_dependency(component, needed)
    return made


def _component(part: Part) -> Component:
    return Component(
        name=part.purl.name,
        group=part.purl.namespace,
        version=part.purl.version,
        purl=part.purl,
        bom_ref=part.purl.to_string(),
        type=ComponentType.LIBRARY,
        scope=part.scope,
        licenses=[LicenseFactory().make_from_string(part.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in part.sha256],
        properties=[Property(name="bankportal:only-where", value=part.only_where)]
        if part.only_where
        else [],
    )


if __name__ == "__main__":
    sys.exit(main())
