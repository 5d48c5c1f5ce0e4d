"""`python -m etl` is `numbercheck`."""

from etl.cli.process import start

start()
