"""Where a run reports to. This is known even if unrelated settings are wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from etl.database.sqlitefile import files_of
from etl.settings import DOTENV, Settings, usable


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where reports go, whose they are, and where the ledger is; None: not set, or not usable."""

    account: str | None
    database_url: sa.URL | None = field(repr=False)
    metrics_file: Path | None
    report_file: Path | None
    batch_file: Path | None
    pushgateway_url: str | None = field(repr=False)
    ping_url: str | None = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """The place that these settings name."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})

    def files(self) -> list[Path]:
        """The files that the job needs for something else, whether they exist or not."""
        listed = [] if self.batch_file is None else [self.batch_file]
        return [DOTENV, *listed, *([] if self.database_url is None else files_of(self.database_url))]

    def others(self, own: str) -> list[Path]:
        """The same for the file that the setting `own` names: also what a run writes besides."""
        written = {"metrics_file": self.metrics_file, "report_file": self.report_file}
        return [*self.files(), *(path for name, path in written.items() if path is not None and name != own)]

    @classmethod
    def despite_errors(cls) -> Place:
        """The usable part of the environment and the `.env` file: a mistyped number must not silence an alarm."""
        return cls(**usable(cls.__slots__))
