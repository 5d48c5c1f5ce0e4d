"""What is done with the numbers of people who must not be stored as they are: pure, and keyed by a secret.

Belongs here: how a number is recognised in any spelling, what stands in its place, and which numbers are erased.
Must not know: the vendor's answers as they are sent, the database, the settings.
Read in this order: `numbers` (spellings), `macs` (what stands in the place of a number), `erased` (whose numbers
are erased), `disguise` (rows as they are stored).
May import: core.
"""
