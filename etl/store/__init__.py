"""The records: reads and writes what is known about accounts, batches, batch days, checks and runs.

Belongs here: every statement of the job that reads or writes our tables and views, in the caller's transaction.
Must not know: the network, the plan's reasons, how anything is shown.
May import: core, database, privacy, schema.
"""
