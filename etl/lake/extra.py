"""The packages of the extra `lake`, which may be missing."""

from __future__ import annotations

import importlib

from etl.errors import Misconfigured


def require_packages() -> None:
    """Raise Misconfigured, naming what to install, if a package that the lake needs is missing."""
    try:
        for name in ("deltalake", "pyarrow"):
            importlib.import_module(name)
    except ImportError:
        remedy = "pip install 'numbercheck-etl[lake]', or use the image that is made for it."
        raise Misconfigured("The packages that a lake needs are missing.", remedy) from None
