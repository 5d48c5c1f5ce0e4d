"""The main job: plan, ask, store, prove, record.

Belongs here: what happens between the lock's being taken and its release, and what a run came to.
Must not know: how the result is shown, who reports it.
May import: core, database, lists, settings, store, vendor.
"""
