from pathlib import Path

import pytest

from tests.deploy.deployments import make_secrets


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the secrets of a deployment, made as its user makes them."""
    return make_secrets(tmp_path_factory.mktemp("deployment") / "secrets")
