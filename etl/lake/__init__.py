"""The lake: history as Delta tables, on a disk or in an object storage, for engines that read such tables.

Belongs here: what stands in the lake, how it gets there from one snapshot of the database, how both are compared,
and how people leave the lake.
Must not know: the vendor, a run, how anything is shown.
Read in this order: `lakefile` (the names of files), `lakeschema` and `arrowrows` (views as Arrow), `directories`,
`deltafiles` (one table of the lake), `lakes` (both), `standings` (what is where), `verifying`, `claims`,
`exporting` with `forgetting` and `sweeping`. Only `extra`, `storages` and `lakefile` can be imported without the
packages of the extra `lake`.
May import: core, database, privacy, schema, store.
"""
