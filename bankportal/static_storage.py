"""How static files are named, compressed and served."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class FingerprintedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # untyped
    """Fingerprints every file, and the imports between our JavaScript modules with them."""

    support_js_module_import_aggregation = True
