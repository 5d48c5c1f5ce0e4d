"""Where batch numbers come from besides the database: a CSV file, a query on another database, a template.

Belongs here: reading a list, checking its lines, and merging new lists with those of earlier runs. A list is read
as far as possible; what is wrong with it is reported and stops nothing.
Must not know: our own tables, the vendor.
May import: core, database, settings.
"""
