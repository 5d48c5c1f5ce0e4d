"""Hunts for what nobody thought of: random input, for as long as one likes. Each module is a script, for example

    python -m tests.fuzz.texts --seconds 600

`make test` runs a few examples of each, always the same ones.
"""
