"""What a person does to a database now and then: copy it, grant roles the right to read it.

Belongs here: work on the whole database, outside of any run.
Must not know: the vendor, the lists, a run.
May import: database, schema, store.
"""
