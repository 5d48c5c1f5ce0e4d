"""How a run is seen from outside: figures for Prometheus and pings for a monitor of scheduled jobs.

Nothing here changes what a run comes to: whatever cannot be reported is a warning in the log, in bounded time.
`run` is what the command calls; `place` says where reports go, `ledger` reads what is true of the whole account,
`metrics` makes figures of it, `textfile`, `push` and `ping` send them, `web` and `within` keep that in bounds.
"""
