"""The pace as the database keeps it: a trigger records each move of a slot, by the slot's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import sqlalchemy as sa

from etl.database.engine import reading

# Seconds since 1970, in floating point.
ROUNDING = 0.000_01
_NOTED = sa.Table(
    "slot_move",
    sa.MetaData(),
    sa.Column("move_id", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.Integer, nullable=False),
    sa.Column("was", sa.Double, nullable=False),
    sa.Column("next_at", sa.Double, nullable=False),
)
_MOVED = "OLD.next_at <> NEW.next_at"
_NOTE = "INSERT INTO slot_move (account_id, was, next_at) VALUES (OLD.account_id, OLD.next_at, NEW.next_at)"
_ON = "CREATE TRIGGER note_move AFTER UPDATE ON request_slot FOR EACH ROW"
_TRIGGER = {
    "sqlite": [f"{_ON} WHEN {_MOVED} BEGIN {_NOTE}; END"],
    "postgresql": [
        f"CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {_NOTE}; RETURN NULL; END'",
        f"{_ON} WHEN ({_MOVED}) EXECUTE FUNCTION note_move()",
    ],
    "mariadb": [f"{_ON} IF {_MOVED} THEN {_NOTE}; END IF"],
}
_UNDO = {
    "sqlite": "DROP TRIGGER note_move",
    "postgresql": "DROP FUNCTION note_move() CASCADE",
    "mariadb": "DROP TRIGGER note_move",
}


def note_moves(engine: sa.Engine) -> None:
    """From now on, every move of a slot in this database is recorded."""
    _NOTED.create(engine)
    with engine.begin() as connection:
        for statement in _TRIGGER[engine.url.get_backend_name()]:
            connection.exec_driver_sql(statement)


@contextmanager
def noting_moves(engine: sa.Engine) -> Iterator[None]:
    """The same for a database that others use, too: the trigger is removed at the end."""
    note_moves(engine)
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(_UNDO[engine.url.get_backend_name()])
        _NOTED.drop(engine)


def moves(engine: sa.Engine, account_id: int = 1) -> list[tuple[float, float]]:
    """The moves of the slots of an account in their order: from where, to where."""
    query = sa.select(_NOTED.c.was, _NOTED.c.next_at).where(_NOTED.c.account_id == account_id)
    with reading(engine).connect() as connection:
        return [(row.was, row.next_at) for row in connection.execute(query.order_by(_NOTED.c.move_id))]


def assert_keeps_pace(made: list[tuple[float, float]], interval: float) -> None:
    """Each grant moves the slot to one interval after itself, and comes no earlier than the slot was.

    So the slot moves forward by at least one interval, and by more where it was free for a while or was pushed.
    """
    assert all(before == was for (_, before), (was, _) in pairwise(made)), "a move was not recorded"
    steps = [next_at - was for was, next_at in made]
    assert min(steps) >= interval - ROUNDING, f"a grant {interval - min(steps):.6f} s too early"
