"""Copies the results of the vendor's number checks into a database before they are gone.

Each folder is a room: its docstring says what belongs there, what it may import and what it must not know. Read
them in this order: `core` (the words, and what follows from them), `settings`, `vendor` (one request, and the
rows of its answer), `lists` (which batch numbers there are), `database`, `schema`, `store` (what is kept), `run`
(all of it together), `report`, `cli` (the commands). The modules beside the rooms are leaves, which every room
except core may import; they import only one another. docs/architecture.md says more; tests/test_rooms.py enforces
the rules.
"""
