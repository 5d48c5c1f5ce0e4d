"""The records: what is known of accounts, batches, batch days, checks and runs, read and written.

Belongs here: every query and statement on our tables and views that the job makes, in the caller's transaction.
Must not know: the network, the plan's reasons, how anything is shown.
May import: core, database, schema.
"""
