from __future__ import annotations

from tests.ports import closed_port
from tests.vendor.conftest import _no_surroundings, clock

__all__ = ["_no_surroundings", "clock", "closed_port"]
