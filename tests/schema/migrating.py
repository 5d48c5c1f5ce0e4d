"""What tests of migrations compare, and how they interrupt one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from etl.schema import migrate, tables


def details(engine: sa.Engine) -> dict[str, Any]:
    """What the server reports about our tables, in comparable form."""
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        readers: list[Callable[..., Any]] = [
            inspector.get_multi_columns,
            inspector.get_multi_pk_constraint,
            inspector.get_multi_foreign_keys,
            inspector.get_multi_unique_constraints,
            inspector.get_multi_check_constraints,
            inspector.get_multi_indexes,
        ]
        if engine.dialect.supports_comments:
            readers.append(inspector.get_multi_table_comment)
        names = [*tables.metadata.tables]
        return {read.__name__: _in_order(read(filter_names=names)) for read in readers}


def _in_order(found: dict[Any, Any]) -> dict[str, str]:
    return {table: str(_by_name(what)) for (_, table), what in sorted(found.items())}


def _by_name(what: Any) -> Any:
    """Keys and indexes in an order that does not tell in which one they were made; columns as they are."""
    named = isinstance(what, list) and all("name" in each and "nullable" not in each for each in what)
    return sorted(what, key=lambda each: str(each["name"])) if named else what


class Interrupted(Exception):
    pass


@contextlib.contextmanager
def interrupted_after(engine: sa.Engine, statements: int, kinds: tuple[str, ...] = ("",)) -> Iterator[None]:
    """Let the engine fail after so many statements of these kinds."""
    left = iter(range(statements, 0, -1))

    def count(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
        if any(kind in statement for kind in kinds) and next(left, None) is None:
            raise Interrupted

    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)


def interrupted_upgrades(
    engine: sa.Engine, after: Iterable[int], kinds: tuple[str, ...] = ("",), to: str = "head"
) -> Iterator[None]:
    """Upgrade to a revision, interrupted after so many statements of these kinds, each in turn, until one succeeds."""
    for statements in after:
        try:
            with interrupted_after(engine, statements, kinds):
                migrate.upgrade(engine, to)
        except Interrupted:
            yield
        else:
            return
