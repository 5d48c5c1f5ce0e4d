from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.schema.tables import account
from etl.store import accounts
from tests.running import HANG
from tests.store.made import table
from tests.store.sessions import assert_waits, at_once, beside, engine_for, noted


def test_register_gives_a_number_once(connection: sa.Connection) -> None:
    assert accounts.find(connection, "default") is None
    number = accounts.register(connection, "default")
    assert accounts.register(connection, "default") == accounts.find(connection, "default") == number
    assert [row["name"] for row in table(connection, account)] == ["default"]


def test_names_that_differ_in_anything_are_accounts_of_their_own(connection: sa.Connection) -> None:
    names = ["acme", "Acme", "ACME", "acme ", "acmé", "客户😀", "a'c\\m%e", "0", "00"]
    numbers = {name: accounts.register(connection, name) for name in names}
    assert len(set(numbers.values())) == len(names)
    assert {name: accounts.find(connection, name) for name in names} == numbers
    assert accounts.find(connection, "aCME") is None


def test_several_at_once_get_the_same_number(db: sa.Engine) -> None:
    # On SQLite, a transaction begins only when the one before it ends, so there they run one after the other.
    ready = threading.Barrier(1 if db.dialect.name == "sqlite" else 4)

    def work() -> int:
        with db.begin() as connection:
            ready.wait(HANG)
            return accounts.register(connection, "new")

    assert len(set(at_once([work] * 4))) == 1


def test_the_first_key_is_kept_and_another_one_refused(connection: sa.Connection) -> None:
    number = accounts.register(connection, "acme")
    for _ in range(2):
        accounts.check_key(connection, number, "key-1")
    with pytest.raises(Misconfigured, match="'acme' was synced with another accessKey") as caught:
        accounts.check_key(connection, number, "key-2")
    assert "NUMBERCHECK_ACCOUNT" in str(caught.value)
    assert "doctor --accept-new-key" in str(caught.value)
    assert "key-2" not in str(caught.value)
    accounts.check_key(connection, number, "key-1")


def test_a_new_key_is_accepted_when_told_so(connection: sa.Connection) -> None:
    number = accounts.register(connection, "acme")
    accounts.check_key(connection, number, "key-1", accept=True)
    accounts.check_key(connection, number, "key-2", accept=True)
    accounts.check_key(connection, number, "key-2")
    with pytest.raises(Misconfigured):
        accounts.check_key(connection, number, "key-1")


def test_accounts_may_share_a_key_and_have_their_own(connection: sa.Connection) -> None:
    first, second = accounts.register(connection, "a"), accounts.register(connection, "b")
    accounts.check_key(connection, first, "key-1")
    accounts.check_key(connection, second, "key-1")
    accounts.check_key(connection, second, "key-2", accept=True)
    accounts.check_key(connection, first, "key-1")


def test_the_key_itself_is_kept_nowhere(connection: sa.Connection) -> None:
    number = accounts.register(connection, "acme")
    accounts.check_key(connection, number, "the-key-itself-é")
    [row] = table(connection, account)
    assert row["key_fingerprint"] == accounts.fingerprint("the-key-itself-é")
    assert "the-key-itself" not in str(row)
    assert len(row["key_fingerprint"]) == 64
    assert accounts.fingerprint("a") != accounts.fingerprint("A")


def test_of_two_first_runs_with_different_keys_one_is_refused(db: sa.Engine) -> None:
    with db.begin() as connection:
        number = accounts.register(connection, "acme")

    def second() -> None:
        with other.begin() as connection, pytest.raises(Misconfigured, match="another accessKey"):
            accounts.check_key(connection, number, "key-2")

    with engine_for(db.url) as other, noted(other) as sent, ExitStack() as end, db.begin() as connection:
        accounts.check_key(connection, number, "key-1")
        outcome = end.enter_context(beside(second))
        assert_waits(outcome, db, sent)  # on SQLite, as soon as its transaction begins
