"""Copies the results of the vendor's number checks into a database before they are gone.

One way through: settings → batches → plan → api (pages) → rows → store → result. Read in this order: `window`
and `batchday` (the words), `batches` (which batch numbers there are), `known` and `plan` (what to ask for, and
why), `api` (one request, and the rows of its answer), `reading` with `sweep` (how a batch day is read, and when
it is proven), `gate` and `fetch` (when a request starts), `store` and `recording` (what is kept), `sync` (all of
it together), `cli` (the commands). docs/architecture.md says more.
"""
