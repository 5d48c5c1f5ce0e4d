from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Start
from tests.gates import Gates, opened


@pytest.fixture
def gates(start_server: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gates]:
    with opened(start_server, monkeypatch) as made:
        yield made
