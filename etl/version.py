"""The version of this job, from the metadata of its package."""

from __future__ import annotations

from importlib import metadata

DISTRIBUTION = "numbercheck-etl"


def version() -> str:
    """The installed version; "unknown" where the code runs without being installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"
