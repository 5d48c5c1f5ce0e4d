"""Makes the vendor's words fit for messages and logs."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from urllib.parse import urlsplit

from etl.scrub import scrub, scrub_foreign

LONGEST = 200


def presentable(text: str, secrets: Collection[str] = ()) -> str:
    """`text` on one line of at most 200 characters, without control characters, secrets or whole phone numbers."""
    return _shortened(scrub_foreign(_on_a_line(text, secrets)))


def presentable_url(url: str, secrets: Collection[str] = ()) -> str:
    """The same for a URL, without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid address"
    # The host may be an IP address; the rest may hold anything.
    host = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="", fragment="").geturl()
    path = scrub_foreign(_on_a_line(parts.path, secrets))
    return _shortened(scrub(_on_a_line(host, secrets)) + path)


def visible(text: str) -> str:
    """`text` on one line, without control characters and other invisible ones."""
    return " ".join("".join(_shown(sign) for sign in text).split())


def _on_a_line(text: str, secrets: Collection[str]) -> str:
    return _without(visible(_without(text, secrets)[: 100 * LONGEST]), secrets)


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _without(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category.startswith("C") else sign
