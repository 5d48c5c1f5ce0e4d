"""The main job: plan, ask, store, prove, record.

Belongs here: what happens from taking the lock to releasing it, and the result of a run.
Must not know: how the result is shown, who reports it.
May import: core, database, lists, privacy, settings, store, vendor.
"""
