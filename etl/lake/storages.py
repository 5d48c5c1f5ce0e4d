"""What an error of a storage or of a Delta table means for a person. What the storage says is never repeated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from etl.errors import EtlError, Misconfigured, TryLater

SLOW = {"timeout": "60s", "connect_timeout": "10s", "max_retries": "3", "retry_timeout": "120s"}
"""How long a storage is waited for: one request, a connection, further tries, and all tries together."""

_CREDENTIALS = Misconfigured(
    "The storage of the lake refuses these credentials, or there are none.",
    "set those of the storage, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (docs/settings.md); they have"
    " to allow to list, read, write and delete below NUMBERCHECK_LAKE_URL.",
)
_GONE = Misconfigured(
    "The bucket or container of NUMBERCHECK_LAKE_URL does not exist.", "correct the setting, or make the bucket."
)
_FULL = TryLater("There is no room for the lake.", "make room; the next call goes on.")
_PLAIN_HTTP = Misconfigured(
    "The storage of the lake is asked by plain http, which has to be allowed.",
    "set AWS_ALLOW_HTTP=true if nobody can listen on the way, or name an https:// address in AWS_ENDPOINT_URL.",
)
_WRITE_AGAIN = (
    "see to it that nobody else deletes or writes there. `numbercheck lake export --full` writes what the database"
    " has; an archived date has to come from a backup of the lake."
)
_MISSING = Misconfigured("A file is gone that the log of the lake names.", _WRITE_AGAIN)
_LOCAL = Misconfigured(
    "The directory of NUMBERCHECK_LAKE_URL cannot be used.", "check that this user may read and write there."
)
_UNREACHABLE = TryLater(
    "The storage of the lake does not answer, or answered with an error of its own.",
    "nothing; the next call goes on.",
)
_CONFLICT = TryLater("Somebody else wrote to the lake at the same moment.", "nothing; the next call goes on.")
_UNUSABLE = Misconfigured(
    "The log of the lake cannot be read, or is not as this job makes it.",
    "nobody else may write there. Bring it back from its backup, or set NUMBERCHECK_LAKE_URL to a new directory"
    " (docs/lake.md, Backups and moves).",
)
FOREIGN = Misconfigured(
    "There is a Delta table in the place of NUMBERCHECK_LAKE_URL that this job has not made.",
    "set NUMBERCHECK_LAKE_URL to a directory of its own.",
)

_BY_CLASS = {
    "CommitFailedError": _CONFLICT,
    "DeltaProtocolError": _UNUSABLE,
    "SchemaMismatchError": _UNUSABLE,
    "TableNotFoundError": _UNUSABLE,
}
_BY_WORDS = (
    (r"no space left|quota exceeded|disk full", _FULL),
    (r"NoSuchBucket|ContainerNotFound|bucket does not exist|The specified bucket", _GONE),
    (r"scheme is not allowed", _PLAIN_HTTP),
    (
        r"\b40[13]\b|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Unauthorized|Forbidden|credential"
        r"|169\.254\.169\.254|metadata\.google|AuthenticationFailed|must be specified|service account",
        _CREDENTIALS,
    ),
    (r"permission denied|read-only file system|not a directory|is a directory", _LOCAL),
    (r"timed? ?out|error sending request|connect|dns|\b5\d\d\b|SlowDown|reset|broken pipe", _UNREACHABLE),
    (r"no such file|not found|\b404\b", _MISSING),
    (r"Generic (S3|MicrosoftAzure|GCS)", _UNREACHABLE),
)
_MODULES = ("deltalake", "_internal", "pyarrow")


class UnreadableFile(Misconfigured):
    """A file of the lake is gone or damaged."""


@contextmanager
def explained_file(path: str, there: Callable[[], bool]) -> Iterator[None]:
    """A file that cannot be read inside this block is named, unless the storage as a whole does not answer.

    `there`: whether there is such a file.
    """
    try:
        yield
    except Exception as error:
        if not _of_storage(error) or _is_of_the_place(error):
            raise
        what = "is damaged" if there() else "is gone"
        raise UnreadableFile(f"A file {what} that the log of the lake names: {path}.", _WRITE_AGAIN) from None


def _is_of_the_place(error: Exception) -> bool:
    """Whether the storage as a whole is out of reach, or this user may not read there."""
    known = storage_error(error) if isinstance(error, OSError) else None
    return isinstance(known, TryLater) or known in (_LOCAL, _CREDENTIALS)


@contextmanager
def explained_storage() -> Iterator[None]:
    """Errors of a storage inside this block become ours, with a remedy. All others are left as they are."""
    try:
        yield
    except EtlError:
        raise
    except Exception as error:
        known = storage_error(error)
        if known is None:
            raise
        raise type(known)(known.problem, known.remedy) from None


def storage_error(error: Exception) -> EtlError | None:
    """What an error of a storage means; None: it is none, or nobody knows."""
    if not _of_storage(error):
        return None
    known = _BY_CLASS.get(type(error).__name__)
    text = str(error)
    known = known or next((found for words, found in _BY_WORDS if re.search(words, text, re.IGNORECASE)), None)
    return known or (_UNUSABLE if type(error).__name__ == "DeltaError" else None)


def _of_storage(error: Exception) -> bool:
    """Whether it is from these packages: their file systems raise Python's OSError, which then names no file."""
    if isinstance(error, OSError):
        return error.filename is None
    return type(error).__module__.startswith(_MODULES)
