"""One HTTP request to any server, bounded in time as a whole.

Belongs here: what the vendor's client and the reports have in common.
Must not know: the vendor, its answers, the settings.
May import: nothing but the leaves.
"""
