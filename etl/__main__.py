"""`python -m etl` is `numbercheck`."""

from etl.cli import main

main(prog_name="numbercheck")
