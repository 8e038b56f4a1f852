"""What is asked on a terminal: asked again until the answer can be used; Ctrl-C leaves at once."""

from collections.abc import Callable

import typer

from gateway.cli.console import complain
from gateway.core.errors import ConfigError

EXIT_INTERRUPTED = 130

Check = Callable[[str], None]
"""Raises ConfigError for an answer that cannot be used."""


def ask(question: str, *, default: str | None = None, check: Check | None = None) -> str:
    """Return the first answer that can be used, without spaces around it.

    Args:
        question: Without a colon.
        default: What Enter alone means; None where an answer must be typed.
        check: Raises ConfigError with what to type instead.

    Raises:
        Exit: Ctrl-C or the end of the input.
    """
    while True:
        try:
            answer = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
        except typer.Abort as exc:
            raise _left() from exc
        if _is_good(answer, check):
            return answer


def ask_secret(question: str, *, check: Check) -> str:
    """Return a secret that was typed twice, and is never shown.

    Raises:
        Exit: Ctrl-C or the end of the input.
    """
    while True:
        try:
            secret = str(typer.prompt(question, hide_input=True))
            if not _is_good(secret, check):
                continue
            if str(typer.prompt("The same once more", hide_input=True)) == secret:
                return secret
        except typer.Abort as exc:
            raise _left() from exc
        complain(ConfigError("the two differ; type it again"))


def confirm(question: str, *, default: bool = False, err: bool = False) -> bool:
    """Return whether the answer is yes.

    Raises:
        Exit: Ctrl-C or the end of the input.
    """
    try:
        return typer.confirm(question, default=default, err=err)
    except typer.Abort as exc:
        raise _left() from exc


def _is_good(answer: str, check: Check | None) -> bool:
    try:
        if check is not None:
            check(answer)
    except ConfigError as exc:
        complain(exc)
        return False
    return True


def _left() -> typer.Exit:
    typer.echo(err=True)
    return typer.Exit(EXIT_INTERRUPTED)
