from __future__ import annotations

import pytest
from helpers import Fixture


@pytest.fixture(scope="session")
def f(tmp_path_factory: pytest.TempPathFactory) -> Fixture:
    return Fixture(tmp_path_factory.mktemp("binding"))
