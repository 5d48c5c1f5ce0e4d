"""How a run is seen from outside: figures for Prometheus, pings for a monitor of jobs, a page for people.

Belongs here: what is sent or written where, when a run begins and when it ends. A report that fails never makes a
run fail.
Must not know: the vendor, how a run works, SQL.
Read in this order: `report` is what the command calls, `place` says where reports go, `metrics` makes figures,
`textfile`, `push` and `ping` send them, `webfile` writes the page, `replacing` replaces files as a whole, `send`
and `within` limit how long that takes.
May import: core, database, run, schema, settings, store, web, webpage.
"""
