"""What a reading asks for, and what it may need to know about the past."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from etl.core.checkrow import Key
from etl.core.pagesize import PAGE_SIZE


class Listed(NamedTuple):
    """How often a key is listed again after the first time: with the same content, or with other content."""

    repeats: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a batch day: a page of it, or what it lists for one message id (and phone).

    `after`: how many answers about the whole batch day had been taken when it was made. `page_size`: rows per page
    that are asked for.
    """

    page: int = 1
    message_id: str | None = None
    phone: str | None = None
    after: int = 0
    page_size: int = PAGE_SIZE

    @property
    def whole_day(self) -> bool:
        """Whether the answer counts the batch day's rows."""
        return self.message_id is None


@dataclass(frozen=True, slots=True)
class Step:
    """Requests that may be under way together; `enough` says whether the rest of them can be skipped.

    `asks` yields None where the answers to those under way decide what comes next. `every_page`: all of them are
    wanted, even of a batch day that is proven.
    """

    asks: Iterator[Ask | None]
    enough: Callable[[], bool]
    every_page: bool = False


Steps = Generator[Step, None, None]


@dataclass(frozen=True, slots=True)
class Awaited:
    """A check without an outcome that is due to be asked for again, and where it was last seen.

    `by_id`: whether the vendor knows its message id as it is stored.
    """

    message_id: str
    page: int
    total: int
    by_id: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """What the database remembers about a batch day, read only when a reading needs it."""

    awaited: Callable[[], list[Awaited]] = list
    listed: Callable[[], Mapping[Key, Listed]] = dict
