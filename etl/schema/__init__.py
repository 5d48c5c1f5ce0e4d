"""The tables and views of this job, and how they are created in a database.

Belongs here: the tables, what people read about tables and views, migration, and comparison with a database.
Must not know: where rows come from.
May import: core, database.
"""
