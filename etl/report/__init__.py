"""How a run is seen from outside: figures for Prometheus and pings for a monitor of scheduled jobs.

Belongs here: what is sent where, when a run begins and when it ends. A report that fails never makes a run fail.
Must not know: the vendor, how a run works, SQL.
Read in this order: `report` is what the command calls, `place` says where reports go, `metrics` makes figures,
`textfile`, `push` and `ping` send them, `send` and `within` limit how long that takes.
May import: database, run, settings, store, web.
"""
