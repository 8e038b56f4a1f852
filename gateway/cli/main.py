"""The `kvarter` command: everyday commands first; each loads only what it runs."""

import logging
import sys
from typing import Annotated

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from gateway import __version__
from gateway.cli import (
    check,
    commission,
    decode,
    demo,
    doctor,
    field,
    history,
    init,
    profiles,
    replay,
    roles,
    scan,
    simulate,
    status,
    trace,
    web,
)
from gateway.cli.console import complain, set_up_log
from gateway.core.errors import ConfigError, DeviceError, KvarterError, LinkDown

EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_NOT_REACHED = 3
EXIT_INTERRUPTED = 130

EVERYDAY = "Everyday"
BENCH = "Devices and profiles"

app = typer.Typer(
    name="kvarter",
    help="Edge gateway for building and district sensors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or configuration, 3 device or port not reached.",
)
for everyday in (
    init.init,
    scan.scan,
    field.read,
    check.check,
    roles.run,
    status.status,
    doctor.doctor,
    history.history,
):
    app.command(rich_help_panel=EVERYDAY)(everyday)
app.command(rich_help_panel=BENCH)(commission.commission)
app.command(rich_help_panel=BENCH)(demo.demo)
for role in (roles.edge, roles.collect, status.reload, replay.replay):
    app.command(rich_help_panel="Services")(role)
app.add_typer(web.app, name="web", rich_help_panel="Services")
app.add_typer(profiles.app, name="profiles", rich_help_panel=BENCH)
for tool in (trace.trace, decode.decode, simulate.simulate):
    app.command(rich_help_panel=BENCH)(tool)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    if wanted:
        typer.echo(f"kvarter {__version__}")
        raise typer.Exit


@app.callback()
def options(  # --version is done by its own callback, before a command is asked for
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more in the log.")] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Edge gateway for building and district sensors."""
    set_up_log(logging.DEBUG if verbose else logging.INFO)


def main() -> None:
    """Run the command line; an error of ours is one line per fault, never a traceback."""
    try:
        sys.exit(app(standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except UsageError as exc:
        sys.exit(_wrong_use(exc))
    except (KvarterError, BaseExceptionGroup) as exc:
        error = _ours(exc)
        complain(error)
        sys.exit(_exit_code(error))


def _wrong_use(error: UsageError) -> int:
    """Say in one line what is wrong with the words of a command, or show the help that stands for it."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return error.exit_code
    command = error.ctx.command_path if error.ctx is not None else app.info.name
    what = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".?")
    complain(ConfigError(f"{what}; {command} -h shows what it takes"))
    return error.exit_code


def _ours(error: BaseException) -> KvarterError:
    """Return our error, out of the groups that task groups wrap it in; raise anything that is not ours."""
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    if isinstance(inner, KvarterError):
        return inner
    raise error


def _exit_code(error: KvarterError) -> int:
    if isinstance(error, ConfigError):
        return EXIT_WRONG_USE
    return EXIT_NOT_REACHED if isinstance(error, (DeviceError, LinkDown)) else EXIT_FAILED
