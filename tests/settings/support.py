"""Settings from a few values, and the complaint about wrong ones."""

from __future__ import annotations

import pytest

from etl.errors import Misconfigured
from etl.settings import Settings, load

SECRET = "s3cr3t-value"


def settings(**given: str) -> Settings:
    return load({f"NUMBERCHECK_{name}": value for name, value in given.items()}, None)


def complaint(**given: str) -> str:
    with pytest.raises(Misconfigured) as error:
        settings(**given)
    assert error.value.exit_status == 78
    return str(error.value)
