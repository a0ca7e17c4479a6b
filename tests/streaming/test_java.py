"""Which Java is taken for the embedded Kafka, and how another one is refused."""

import pytest

from streaming.embedded import BrokerRefused
from streaming.embedded.java import find_java


@pytest.fixture
def java_home(tmp_path):
    """Give a function that makes a folder like a Java's: what it files, and what it answers."""

    def make(*, filed: str = "", answer: str = "") -> str:
        program = tmp_path / "bin" / "java"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
        program.chmod(0o755)
        if filed:
            (tmp_path / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{filed}"\n')
        return str(tmp_path)

    return make


@pytest.mark.parametrize("filed", ["17.0.9", "21", "25.0.1"])
def test_a_java_that_files_its_version_is_not_started_to_ask(java_home, filed) -> None:
    home = java_home(filed=filed)

    assert str(find_java(home)) == f"{home}/bin/java"


def test_a_java_that_files_no_version_is_asked(java_home) -> None:
    home = java_home(answer='openjdk version "17.0.9" 2023-10-17')

    assert str(find_java(home)) == f"{home}/bin/java"


@pytest.mark.parametrize(
    ("java", "reason"),
    [
        ({"filed": "11.0.2"}, "a Java 11"),
        ({"filed": "1.8.0_392"}, "a Java 8"),
        ({"answer": 'java version "1.8.0_392"'}, "a Java 8"),
        ({"answer": "What?"}, "does not say which Java it is"),
    ],
)
def test_a_wrong_java_is_refused_with_the_remedy(java_home, java, reason) -> None:
    with pytest.raises(BrokerRefused, match=rf"^JAVA_HOME is .*{reason}.* Unset it, or set it to"):
        find_java(java_home(**java))
