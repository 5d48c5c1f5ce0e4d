"""What tests of migrations look at, and how they interrupt one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from etl.store import migrate, schema


def details(engine: sa.Engine) -> dict[str, Any]:
    """What the server tells about our tables, in comparable form."""
    inspector = sa.inspect(engine)
    readers: list[Callable[[str], Any]] = [
        inspector.get_columns,
        inspector.get_pk_constraint,
        inspector.get_foreign_keys,
        inspector.get_unique_constraints,
        inspector.get_check_constraints,
        inspector.get_indexes,
    ]
    if engine.dialect.supports_comments:
        readers.append(inspector.get_table_comment)
    return {f"{table} {read.__name__}": str(read(table)) for table in schema.metadata.tables for read in readers}


class Interrupted(Exception):
    pass


def interrupt_after(engine: sa.Engine, statements: int, kinds: tuple[str, ...] = ("",)) -> Callable[[], None]:
    """Let the engine fail after so many statements of these kinds; returns what ends that."""
    left = iter(range(statements, 0, -1))

    def count(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
        if any(kind in statement for kind in kinds) and next(left, None) is None:
            raise Interrupted

    sa.event.listen(engine, "before_cursor_execute", count)
    return lambda: sa.event.remove(engine, "before_cursor_execute", count)


def interrupted_upgrades(
    engine: sa.Engine, after: Iterable[int], kinds: tuple[str, ...] = ("",)
) -> Iterator[None]:
    """Upgrade to head, interrupted after so many statements of these kinds: once for each, until one comes through."""
    for statements in after:
        undo = interrupt_after(engine, statements, kinds)
        try:
            migrate.upgrade(engine)
        except Interrupted:
            undo()
            yield
        else:
            undo()
            return
