"""Who may use the processor, of the threads that ask."""

import threading

PROCESSOR = threading.Lock()
"""Whoever works on what is sent or was received holds it, and never while waiting for anything.

Python lets one thread work at a time anyway. But where all of them compete for that, the one thread that does
something else, such as storing, waits behind each of them, time and again; this way it has one rival.
"""
