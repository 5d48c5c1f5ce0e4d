"""The concepts and decisions of the job, without a network, a database or a clock.

Belongs here: the shared nouns (batch day, window, line of a list, check row, page) and the decisions that follow
from them alone: what to ask for, in which order, and when a batch day is proven.
Must not know: who sends a request, where anything is stored, which settings there are, what time it is.
May import: no other room, not even the leaves.
"""
