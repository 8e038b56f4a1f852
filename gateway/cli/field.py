"""`kvarter read`: one readout of one device."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer
import uvloop

from gateway.cli.console import print_table, say
from gateway.core.errors import ConfigError


def read(
    *,
    profile: Annotated[str, typer.Option("--profile", "-p", help="Profile id, or the path of a profile file.")],
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="A TCP port: Modbus, or a transparent converter.")
    ] = None,
    udp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Modbus over UDP.")] = None,
    serial: Annotated[Path | None, typer.Option(metavar="PORT", help="Serial port.")] = None,
    framing: Annotated[
        Literal["tcp", "rtu", "ascii"] | None, typer.Option(help="rtu on a serial port, tcp on a socket if left out.")
    ] = None,
    baud: Annotated[int | None, typer.Option(help="Baud rate; the profile's if left out.")] = None,
    parity: Annotated[Literal["none", "even", "odd"] | None, typer.Option(help="The profile's if left out.")] = None,
    stop_bits: Annotated[int | None, typer.Option(min=1, max=2, help="The profile's if left out.")] = None,
    unit: Annotated[int | None, typer.Option(min=0, max=255, help="Unit id; the profile's if left out.")] = None,
    instance: Annotated[int | None, typer.Option(min=1, help="Connector or channel.")] = None,
    ct_ratio: Annotated[str | None, typer.Option(metavar="P/S", help="Current transformer, for example 100/5.")] = None,
    vt_ratio: Annotated[str | None, typer.Option(metavar="P/S", help="Voltage transformer.")] = None,
    pulse_weight: Annotated[float | None, typer.Option(help="Units per pulse.")] = None,
    invert: Annotated[bool, typer.Option("--invert", help="The current transformers look the wrong way.")] = False,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="M-Bus secondary address, or IEC 62056-21 address.")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="HEX", help="What opens the meter's encrypted telegrams.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read one device once and show every point with unit and plausibility."""
    from gateway.app.decode import parse_key
    from gateway.app.field import read_once

    if sum(way is not None for way in (tcp, udp, serial)) != 1:
        raise ConfigError("say where the device is: exactly one of --tcp HOST:PORT, --udp HOST:PORT and --serial PORT")
    link = {
        "tcp": tcp,
        "udp": udp,
        "serial": str(serial) if serial else None,
        "framing": framing,
        "baudrate": baud,
        "parity": parity,
        "stop_bits": stop_bits,
    }
    device = {
        "unit_id": unit,
        "instance": instance,
        "ct_ratio": ct_ratio,
        "vt_ratio": vt_ratio,
        "pulse_weight": pulse_weight,
        "invert": invert,
        "meter_address": address,
    }
    reading = read_once(profile, link=_given(link), device=_given(device), environment=os.environ, key=parse_key(key))
    found = uvloop.run(reading)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        return
    say(found.headline)
    print_table(("point", "value #", "unit", "raw", "remark"), found.rows())
    for verdict in found.verdicts():
        say(verdict)


def _given(options: Mapping[str, str | float | bool | None]) -> dict[str, str | float | bool]:
    return {name: value for name, value in options.items() if value is not None}
