"""The tables and views of this job, and how a database gets them.

Belongs here: the tables, the words that people read about tables and views, migrating, and comparing.
Must not know: how rows come in.
May import: core, database.
"""
