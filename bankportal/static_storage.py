"""How static files are named, compressed and served."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from whitenoise.storage import CompressedManifestStaticFilesStorage

PUBLIC_UMASK = 0o022


@contextmanager
def readable_by_all() -> Iterator[None]:
    """Let the process write files that others may read, as these are public anyway.

    Who collects them, such as the maker of an image, need not be who serves them.
    """
    before = os.umask(PUBLIC_UMASK)
    try:
        yield
    finally:
        os.umask(before)


class FingerprintedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # untyped
    """Fingerprints every file, and the imports between our JavaScript modules with them."""

    support_js_module_import_aggregation = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A page names fifty of them, and each address takes longer to make than to write down.
        self._addresses: dict[str, str] = {}

    def url(self, name: str | None, force: bool = False) -> str:
        """Give the address of a file; it stays the same for as long as a process serves."""
        if name is None or force or settings.DEBUG:
            return str(super().url(name, force))
        if name not in self._addresses:
            self._addresses[name] = str(super().url(name))
        return self._addresses[name]

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Rename and compress what was collected."""
        with readable_by_all():
            yield from super().post_process(*args, **options)
