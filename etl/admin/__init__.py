"""What an administrator does to a database occasionally: copy it, grant roles the right to read it,
erase what is known of a person.

Belongs here: work on the whole database, outside any run.
Must not know: the vendor, the lists, a run.
May import: core, database, privacy, schema, store.
"""
