"""Whose database an error is about is told to `explain`, and not put into its words afterwards."""

from __future__ import annotations

import sqlite3

import pymysql
import pytest

from etl.database import explain as module
from etl.database.explain import OWN, TARGET, Meaning, explain
from etl.errors import DatabaseUnreachable, EtlError, Misconfigured

MEANINGS = [found for found in vars(module).values() if isinstance(found, Meaning)]


def told(error: BaseException, *whose: module.Database) -> EtlError:
    found = explain(error, *whose)
    assert found is not None
    return found


def test_each_database_by_its_own_setting() -> None:
    refused = pymysql.err.OperationalError(1045, "Access denied")
    own, target = told(refused), told(refused, TARGET)
    rest = "The database refuses this user (it says: Access denied). Remedy: correct the user and the password in "
    assert str(own) == f"{rest}NUMBERCHECK_DATABASE_URL, or let this host in."
    assert str(target) == f"The target: {rest}NUMBERCHECK_COPY_TO_DATABASE_URL, or let this host in."
    assert type(own) is type(target) is Misconfigured


def test_only_what_keeps_its_rows_says_so() -> None:
    lost = pymysql.err.OperationalError(2013, "Lost connection")
    own, target = told(lost, OWN), told(lost, TARGET)
    assert own.remedy == "run this again once it answers; what was stored is kept."
    assert target.remedy == "run this again once it answers."
    assert type(own) is type(target) is DatabaseUnreachable


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("database", [OWN, TARGET])
def test_no_remedy_has_a_place_left(
    meaning: Meaning, database: module.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_meaning", lambda _: meaning)
    error = told(sqlite3.OperationalError("it says {setting} {0}"), database)
    assert (type(error), error.subject) == (meaning.error, database.called)
    assert error.problem == f"{meaning.sentence} (it says: it says {{setting}} {{0}})."
    assert not set("{}") & set(error.remedy)
