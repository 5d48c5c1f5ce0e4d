"""The names of the files of a lake, which say whose rows a file holds, and as of which version.

So the list of its files alone tells what the lake holds, and a file that somebody else wrote is noticed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from typing import NamedTuple

_NAME = re.compile(r"([0-9a-f]{32})-([0-9]{1,18})-([0-9]{1,19})-([0-9a-f]{16})\.parquet")
_SPECIAL = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{}\[\]^]""")
_LONGEST = 200
"""Bytes of the name of a folder; a disk takes 255."""


class LakeFile(NamedTuple):
    """`database`: the id of the database that it is from. `account`: the number of the account there.

    `version`: that of its date; of coverage: a number made of its content. `token`: tells two files of one version
    apart.
    """

    database: str
    account: int
    version: int
    token: str

    @property
    def name(self) -> str:
        """Its name, without a folder."""
        return f"{self.database}-{self.account}-{self.version}-{self.token}.parquet"


def new_file(database: str, account: int, version: int) -> LakeFile:
    """One that nobody has written yet."""
    return LakeFile(database, account, version, secrets.token_hex(8))


def file_at(path: str) -> LakeFile | None:
    """What the name of a file says; None: this job has not made it."""
    found = _NAME.fullmatch(path.rpartition("/")[2])
    return LakeFile(found[1], int(found[2]), int(found[3]), found[4]) if found else None


def folder(account: str, date: dt.date | None = None) -> str:
    """The folder of an account, or of one of its dates, as Hive writes it, for engines that read it from there.

    A name that is too long for that is known from the log alone.
    """
    safe = _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", account)
    if len(safe.encode()) > _LONGEST:
        safe = f"~{hashlib.sha256(account.encode()).hexdigest()[:16]}"
    return f"account={safe}" + ("" if date is None else f"/check_date={date.isoformat()}")
