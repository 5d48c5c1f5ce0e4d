"""The usual tools doing the job's work, for `benchmarks/throughput.py`. They need the packages of requirements.lock
in this directory, in an environment of their own, and nothing of this project.

Each is a process: `python -m benchmarks.peers.NAME API-URL BATCHES.CSV DATABASE-URL`, from the project's root. It
fetches every page of every batch day of the list, upserts the rows by message id and phone, and prints one JSON
object: `seconds`, by its own clock, which starts after the imports.
"""
