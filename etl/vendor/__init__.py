"""The vendor's endpoint: signing, one request with its retries, answers turned into typed rows.

Belongs here: everything that follows from the vendor's pages; its codes end here, and the names of its fields but
for core's table of them.
Must not know: the database, the plan, which batch days there are.
May import: core, settings, web.
"""
