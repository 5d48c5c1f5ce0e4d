from __future__ import annotations

import datetime as dt
import threading
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.schema.tables import account
from etl.store import accounts, runs
from tests.running import HANG
from tests.store.made import HOUR, NOW, batch_day, table
from tests.store.made import window as made_window
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


def refused(name: str, other: str) -> str:
    return rf"belongs to the account '{other}' of this database, so it cannot sync as '{name}'"


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("before", [None, "key-2"])
def test_a_key_is_refused_under_a_second_name(
    connection: sa.Connection, before: str | None, keep: bool, accept: bool
) -> None:
    first, second = accounts.register(connection, "a b"), accounts.register(connection, "c")
    accounts.check_key(connection, first, "key-1")
    if before:
        accounts.check_key(connection, second, before)
    with pytest.raises(Misconfigured, match=refused("c", "a b")) as caught:
        accounts.check_key(connection, second, "key-1", accept=accept, keep=keep)
    # An account that has a key of its own has a right to its name.
    assert ("`numbercheck accounts rename 'a b' c`" in caught.value.remedy) is (before is None)
    assert "NUMBERCHECK_ACCOUNT to 'a b'" in caught.value.remedy
    accounts.check_key(connection, first, "key-1")
    if before:
        accounts.check_key(connection, second, before)


def test_a_first_key_that_the_vendor_never_took_locks_nobody_out(connection: sa.Connection) -> None:
    first, second = accounts.register(connection, "a"), accounts.register(connection, "b")
    accounts.check_key(connection, first, "mistyped", keep=False)
    accounts.check_key(connection, second, "mistyped")
    accounts.check_key(connection, first, "key-1")


def test_of_two_names_that_an_earlier_version_gave_one_key_the_first_goes_on(connection: sa.Connection) -> None:
    numbers = [accounts.register(connection, name) for name in ("b", "a")]
    connection.execute(sa.update(account).values(key_fingerprint=accounts.fingerprint("key-1")))
    accounts.check_key(connection, numbers[0], "key-1")
    with pytest.raises(Misconfigured, match=refused("a", "b")):
        accounts.check_key(connection, numbers[1], "key-1")
    accounts.check_key(connection, numbers[1], "key-2", accept=True)


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
        assert_waits(outcome, db, sent)  # on SQLite at its beginning already


def test_of_two_names_that_bring_one_key_at_once_one_is_refused(db: sa.Engine) -> None:
    with db.begin() as connection:
        numbers = [accounts.register(connection, name) for name in ("a", "b")]

    def second() -> None:
        with other.begin() as connection, pytest.raises(Misconfigured, match=refused("b", "a")):
            accounts.check_key(connection, numbers[1], "key-1")

    with engine_for(db.url) as other, noted(other) as sent, ExitStack() as end, db.begin() as connection:
        accounts.check_key(connection, numbers[0], "key-1")
        outcome = end.enter_context(beside(second))
        assert_waits(outcome, db, sent)


def test_an_account_gets_another_name_with_all_that_it_holds(connection: sa.Connection) -> None:
    old = accounts.register(connection, "old")
    accounts.check_key(connection, old, "key-1")
    taken = accounts.register(connection, "taken")
    for name in ("taken", "old"):
        with pytest.raises(Misconfigured, match=f"There is an account '{name}' already"):
            accounts.rename(connection, old, name)
    accounts.rename(connection, old, "Old")
    assert (accounts.find(connection, "Old"), accounts.find(connection, "old")) == (old, None)
    accounts.check_key(connection, old, "key-1")
    assert accounts.find(connection, "taken") == taken


def test_two_accounts_cannot_get_one_name(db: sa.Engine) -> None:
    with db.begin() as connection:
        numbers = [accounts.register(connection, name) for name in ("a", "b")]

    def second() -> None:
        with other.begin() as connection, pytest.raises(Misconfigured, match="There is an account 'c' already"):
            accounts.rename(connection, numbers[1], "c")

    with engine_for(db.url) as other, noted(other) as sent, ExitStack() as end, db.begin() as connection:
        accounts.rename(connection, numbers[0], "c")
        outcome = end.enter_context(beside(second))
        assert_waits(outcome, db, sent)


def test_what_is_known_of_all_accounts(connection: sa.Connection) -> None:
    for number, name in enumerate(("b", "a")):
        account_id = accounts.register(connection, name)
        for day in range(number):
            batch_day(connection, f"B{day}", name)
            for moment in (NOW, NOW - HOUR):
                window = made_window(moment)
                runs.begin(connection, f"run {moment}"[:32], account_id, window, "1")
    accounts.check_key(connection, account_id, "key-1")
    assert accounts.overview(connection) == [
        accounts.Overview("a", 1, NOW, accounts.fingerprint("key-1")),
        accounts.Overview("b", 0, None, None),
    ]


def test_up_to_which_date_everything_is_planned(connection: sa.Connection) -> None:
    number, other = accounts.register(connection, "acme"), accounts.register(connection, "other")
    window = made_window()
    before = window.first - dt.timedelta(days=1)
    assert accounts.planned_to(connection, number) is None
    runs.begin(connection, "1", number, window, "1.0", narrowed=True)
    assert accounts.planned_to(connection, number) == before  # nothing yet, of all that it could have asked for
    runs.begin(connection, "2", number, window, "1.0")
    assert accounts.planned_to(connection, number) == window.last  # as a run of an earlier version
    accounts.note_planned(connection, number, before)
    assert (accounts.planned_to(connection, number), accounts.planned_to(connection, other)) == (before, None)
