"""Commands by name, each in a module of its own that is loaded once the command is looked at."""

from __future__ import annotations

import importlib
from collections import UserDict
from typing import Any

from etl import stopping


class OnDemand(UserDict[str, Any]):
    """name → command; made from name → module, which has a command of that name.

    A signal that comes while a module is loaded waits until that is done: it must not break off any import.
    """

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, str):
            with stopping.put_off():
                found = self.data[name] = getattr(importlib.import_module(found), name)
        return found
