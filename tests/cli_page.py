"""Write docs/cli.md anew from the commands: `make cli`."""

from pathlib import Path

import click
import typer.main

from gateway.cli.main import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
_HEAD = """# On the command line

This page is made by `make cli` from the commands themselves.

Every command that prints facts prints them as JSON with `--json`. What goes wrong is one line per fault on standard
error, and says what to do. `kvarter --install-completion` lets the shell complete commands and options.

| exit code | meaning |
|---|---|
| 0 | done; where something was examined, all is well |
| 1 | failed, or something that was examined is not well |
| 2 | wrong use, or a file is wrong |
| 3 | a device, a port or a service was not reached |
| 130 | stopped by Ctrl-C |
"""


def page() -> str:
    """Return the text of the page."""
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    parts, panel = [_HEAD], ""
    for name, command in group.commands.items():
        heading = getattr(command, "rich_help_panel", None) or "Others"
        if heading != panel:
            panel = heading
            parts.append(f"## {panel}\n")
        inner = getattr(command, "commands", None)
        if inner is None:
            parts.append(_command(f"kvarter {name}", command))
            continue
        parts += [_command(f"kvarter {name} {word}", each) for word, each in inner.items()]
    return "\n".join(parts)


def _command(words: str, command: click.Command) -> str:
    rows = [
        f"| `{_spelt(parameter)}` | {(getattr(parameter, 'help', '') or '').replace('|', '/')} |"
        for parameter in command.params
        if parameter.name not in {"help", "install_completion", "show_completion"}
    ]
    table = "\n".join(["| | |", "|---|---|", *rows]) + "\n" if rows else ""
    return f"### {words}\n\n{(command.help or '').strip()}\n\n{table}"


def _spelt(parameter: click.Parameter) -> str:
    if parameter.param_type_name == "argument":
        return (getattr(parameter, "metavar", None) or str(parameter.name).upper()).replace("|", "/")
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
