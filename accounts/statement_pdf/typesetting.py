"""Sets a statement as PDF: its text as JSON from standard input, the file to standard output.

A program of its own, and without Django: typst keeps what it has laid out, 300 MB after some ten
statements, and takes as much for the longest one. All of that ends with the process.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import typst

TEMPLATE: Final = Path(__file__).with_name("statement.typ")


def main() -> None:
    """Read, set, write."""
    sys.stdout.buffer.write(typeset(json.load(sys.stdin)))


def typeset(text: dict[str, Any]) -> bytes:
    """Give a tagged PDF, of the standard PDF/UA-1 where there are fonts for all of its text.

    The text is a value for the template, which sets strings as they are: nothing in it is markup.
    """
    attempts: tuple[dict[str, Any], ...] = (
        {"ignore_system_fonts": True, "pdf_standards": "ua-1"},
        {"pdf_standards": "ua-1"},
    )
    for options in attempts:
        try:
            return _compiled(text, **options)
        except typst.TypstError as refused:
            if "PDF/UA-1 error" not in refused.message:
                raise
    # A sign that no font here has is a box on the page, which the standard does not allow.
    return _compiled(text)


def _compiled(text: dict[str, Any], **options: Any) -> bytes:
    compiled = typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        format="pdf",
        sys_inputs={"text": json.dumps(text)},
        **options,
    )
    assert isinstance(compiled, bytes), "a PDF is one file"  # noqa: S101
    return compiled


if __name__ == "__main__":
    main()
