"""The project's manifest, parsed once."""

from __future__ import annotations

from typing import Any

import pytest
from test_project_shape import parse


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("target"), "--target", "local")
