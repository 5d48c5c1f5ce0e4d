"""The vendor's endpoint: signing, sending one request with its retries, and turning answers into typed rows.

Belongs here: everything that follows from the vendor's pages. No other room knows the vendor's codes or, except in
core's table of fields, the names of its fields.
Must not know: the database, the plan, which batch days exist.
May import: core, settings, web.
"""
