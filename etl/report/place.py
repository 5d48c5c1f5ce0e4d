"""Where a run reports to. This is known even if unrelated settings are wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from etl.settings import Settings, usable


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where reports go, whose they are, and where the ledger is; None: not set, or not usable."""

    account: str | None
    database_url: sa.URL | None = field(repr=False)
    metrics_file: Path | None
    pushgateway_url: str | None = field(repr=False)
    ping_url: str | None = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """The place that these settings name."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})

    @classmethod
    def despite_errors(cls) -> Place:
        """The usable part of the environment and the `.env` file: a mistyped number must not silence an alarm."""
        return cls(**usable(cls.__slots__))
