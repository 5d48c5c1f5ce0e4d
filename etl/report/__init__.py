"""How a run is seen from outside: figures for Prometheus and pings for a monitor of scheduled jobs.

Belongs here: what is sent where, at the beginning and at the end of a run. No report that fails makes a run fail.
Must not know: the vendor, how a run works, SQL.
Read in this order: `report` is what the command calls, `place` says where reports go, `metrics` makes figures,
`textfile`, `push` and `ping` send them, `send` and `within` keep that in bounds.
May import: database, run, settings, store, web.
"""
