"""The packages of the extra `lake`, which may be missing."""

from __future__ import annotations

import importlib
import os

from etl.errors import Misconfigured

_LIBRARY_LOG = "RUST_LOG"
"""Unless somebody asks for more: what storages say goes nowhere, and standard error is ours."""


def require_packages() -> None:
    """Raise Misconfigured, naming what to install, if a package that the lake needs is missing."""
    os.environ.setdefault(_LIBRARY_LOG, "off")
    try:
        for name in ("deltalake", "pyarrow"):
            importlib.import_module(name)
    except ImportError:
        remedy = "pip install 'numbercheck-etl[lake]', or use the image that is made for it."
        raise Misconfigured("The packages that a lake needs are missing.", remedy) from None
