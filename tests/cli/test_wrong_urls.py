"""A URL that is wrong, as every command meets it: 78, the setting and the option, and nothing of a password."""

from __future__ import annotations

import pytest

from tests.cli.support import NOW, Command

COMMANDS = [
    ["sync", "--json", "--now", NOW.isoformat()],
    ["plan", "--now", NOW.isoformat()],
    ["status"],
    ["batches", "add", "B"],
    ["batches", "import", "batches.csv"],
    ["batches", "list"],
    ["batches", "retire", "B"],
    ["accounts", "list"],
    ["accounts", "rename", "one", "two"],
    ["db", "upgrade"],
    ["db", "current"],
    ["db", "check"],
    ["db", "downgrade", "base"],
    ["db", "grant-reader", "reader"],
    ["db", "copy"],
    ["doctor"],
]
SECRET = "Zwiebel9"
WRONG = [
    ("database_url", f"postgresql://u:{SECRET}@127.0.0.1:1/d?ssl=true", "option 'ssl'"),
    ("database_url", f"mysql://u:{SECRET}@127.0.0.1:1/d?ssl_ca=/nonexistent", "option ssl_ca"),
    ("database_url", "sqlite:///x.db?timeout=abc", "option timeout"),
    ("database_url", "sqlite:///file:x%00.db?uri=true", "%00"),
    ("database_url", "sqlite:///file:x.db?uri=true&vfs=memdb", "must name a file"),
    ("database_url", f"mysql://u:{SECRET}@127.0.0.1:1/information_schema", "keeps for itself"),
    ("copy_to_database_url", f"postgresql://u:{SECRET}@%2Frun%2Fpostgresql/d", "?host=/run/postgresql"),
    ("database_url", f"postgresql://u:hunter2@{SECRET}@localhost/d", "write @ as %40"),
    ("database_url", f"mysql://u:hunter2/{SECRET}@localhost/d", "write @ as %40"),
    ("api_url", f"http://u:hunter2@{SECRET}@localhost/d", "write @ as %40"),
    ("ping_url", f"http://u:2026/{SECRET}@localhost/d", "write @ as %40"),
    ("pushgateway_url", f"http://u:hunter2?{SECRET}@localhost/d", "write @ as %40"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_every_command_says_which_option_is_wrong(inside: Command, words: list[str]) -> None:
    inside.secrets += [SECRET, "hunter2", "2026/"]
    for setting, url, what in WRONG:
        done = inside(*words, status=78, **{setting: url})
        told = done.out if words == ["doctor"] else done.messages
        assert f"NUMBERCHECK_{setting.upper()}" in told
        assert what in told
    # Whether the file can be there is looked at where it is opened.
    for url in ("sqlite:///.", "sqlite:////", "sqlite:////dev/null"):
        done = inside(*words, status=78, database_url=url, copy_to_database_url="sqlite:///copy.db")
        assert "so it cannot be an SQLite database" in (done.out if words == ["doctor"] else done.messages)
    if words != ["doctor"]:  # which goes on with its other checks
        assert inside.vendor.requests == []
        assert inside.files() == {"batches.csv"}
