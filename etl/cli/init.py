"""`numbercheck init`: a `.env` to be filled in, and a sample of a list of batches."""

from __future__ import annotations

import os
from pathlib import Path

import click

from etl import streams
from etl.cli.output import echo
from etl.errors import Misconfigured
from etl.settings import DOTENV
from etl.settings.firstfiles import LIST, SAMPLE_LIST, dotenv

ONLY_MINE, AS_USUAL = 0o600, 0o666


@click.command(short_help="Write a .env to be filled in, and a sample list of batches.")
def init() -> None:
    """Write a commented .env, which only you can read, and a sample batches.csv into this directory.

    Overwrites nothing: a file that is there already stays as it is, and the exit status is 0.

    \b
    Example: a directory for the job
      mkdir numbercheck && cd numbercheck
      numbercheck init
    """
    # The .env comes last, so that the list that it names is there, whenever this is stopped.
    _tell(Path(LIST), SAMPLE_LIST, AS_USUAL, "replace its examples by your batches")
    _tell(DOTENV, dotenv(), ONLY_MINE, "only you can read it; fill in the two lines that end with =")
    echo("\nWhen that is done, run `numbercheck doctor`.")


def _tell(path: Path, text: str, mode: int, words: str) -> None:
    """Write a file, and say so or what is there instead."""
    if _written(path, text, mode):
        echo(f"written  {path}: {words}")
    elif path.exists() and not path.is_dir() and path.stat().st_size == 0:
        echo(f"kept     {path}: it is there already, but empty; to have a new one, delete it first")
    else:
        echo(f"kept     {path}: it is there already")


def _written(path: Path, text: str, mode: int) -> bool:
    """Write a new file, of which nothing is left if that fails; False: something of that name is there.

    Raises Misconfigured, OSError.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in streams.FULL:
            raise
        problem = f"{str(path)!r} cannot be written into this directory ({error.strerror})."
        raise Misconfigured(problem, "go to a directory in which this user may write, and run it there.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BaseException:
        path.unlink()
        raise
    return True
