"""Turns errors into a sentence and an exit status (CONTRACT: Exit status)."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from etl import stopping, streams
from etl.cli.output import AS_JSON, give_up, print_as_it_can, print_json, tell
from etl.database.explain import explain
from etl.errors import STATUS, EtlError, Misconfigured, TryLater
from etl.log import configure

log = logging.getLogger(__name__)


class Group(click.Group):
    """A command group whose errors end the process with the documented exit status, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        print_as_it_can()
        # Where a signal ends the command before its own options are read.
        ctx.meta[AS_JSON] = "--json" in ctx.args
        try:
            with stopping.interrupted():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (nothing may end in a bare traceback)
            known = explained(error)
            if known is None:
                ctx.exit(_defect(error))
            tell(known)
            if isinstance(error, OSError) and error.filename is None:
                give_up(sys.stdout)
            if ctx.meta.get(AS_JSON):
                _print_end(known.exit_status)
            ctx.exit(known.exit_status)


def _print_end(status: int) -> None:
    try:
        print_json({"status": STATUS.get(status), "exit_code": status})
    except OSError:
        give_up(sys.stdout)


def explained(error: BaseException) -> EtlError | None:
    """What an error means for the person on duty; None: it is a defect."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  (only after an error)

    match error:
        case EtlError():
            return error
        case _ if stopping.has_led_to(error):
            return TryLater("Stopped by a signal. What was stored is kept.")
        case SQLAlchemyError():
            return explain(error)
        case OSError(errno=number) if number in streams.FULL:
            return TryLater("The disk is full, so the output cannot be written.", "make room.")
        case OSError(filename=str() | bytes() as name, strerror=str() as reason):
            return Misconfigured(
                f"{name!r} cannot be used ({reason}).", "check that it exists and that this user may use it."
            )
    return None


def _defect(error: BaseException) -> int:
    """Log an unexpected error with its traceback (masked like every log record); the exit status."""
    if not logging.getLogger().handlers:
        configure(None, ())
    log.error("This is a defect of numbercheck: please report it, with these lines", exc_info=error)
    return 1
