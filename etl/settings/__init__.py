"""Settings."""

from etl.settings.settings import Settings, load, usable

__all__ = ["Settings", "load", "usable"]
