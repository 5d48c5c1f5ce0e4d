"""Superset's settings. Secrets are read from files, and no password is kept in Superset's own database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

READER = "numbercheck_reader"
_HOME = Path(os.environ.get("SUPERSET_HOME", "/data"))
_SECRETS = Path(os.environ.get("SUPERSET_SECRETS", "/run/secrets"))


def _secret(name: str) -> str:
    return (_SECRETS / name).read_text(encoding="utf-8").strip()


def DB_CONNECTION_MUTATOR(  # noqa: N802  (Superset looks for this name)
    uri: Any, params: dict[str, Any], _username: str, _security_manager: Any, _source: Any
) -> tuple[Any, dict[str, Any]]:
    """Insert the password of the reader role when a connection is made."""
    return (uri.set(password=_secret("reader_password")) if uri.username == READER else uri), params


SECRET_KEY = _secret("superset_secret_key")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_HOME}/superset.db?check_same_thread=false"
APP_NAME = "numbercheck"
# Behind a proxy that adds https, also set SESSION_COOKIE_SECURE.
SESSION_COOKIE_SAMESITE = "Strict"
FEATURE_FLAGS = {"DASHBOARD_RBAC": True}
