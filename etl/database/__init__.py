"""Any SQL server: connections, column types and statements that mean the same on each of them.

Belongs here: whatever differs by dialect, and what an error of a database means.
Must not know: our tables and what they are for.
May import: core.
"""
