"""Imports connection, datasets, charts and dashboard of bundle/ into Superset, replacing what it has of them."""

from __future__ import annotations

import sys
from pathlib import Path

from superset.app import create_app

BUNDLE = Path(__file__).parent / "bundle"


def main(username: str) -> None:
    """Import everything as this user; raises if any of it cannot be used."""
    with create_app().app_context():
        # These need the application.
        from superset import security_manager  # noqa: PLC0415
        from superset.commands.importers.v1.assets import ImportAssetsCommand  # noqa: PLC0415
        from superset.utils.core import override_user  # noqa: PLC0415

        contents = {
            str(file.relative_to(BUNDLE)): file.read_text(encoding="utf-8") for file in BUNDLE.rglob("*.yaml")
        }
        with override_user(security_manager.find_user(username)):
            ImportAssetsCommand(contents).run()


if __name__ == "__main__":
    main(sys.argv[1])
