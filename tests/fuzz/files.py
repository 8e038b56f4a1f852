"""What people write and what lies on their disks: site, collector and profile files, captures of a line."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from zlib import crc32

from drivers.catalog import parse_profile
from gateway.core.collection import Collection
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.core.site import Site
from gateway.document.tree import MAX_PARTS, MAX_TEXT_BYTES, Document, parse_document
from gateway.document.validation import validate
from gateway.sim.capture import MAX_BYTES, CaptureTalker, parse_capture
from tests.fuzz.codec import Codec, Way, same


def _text_runner(judge: Callable[[Document], object]) -> Callable[[bytes], None]:
    """Return what reads a file that a person wrote; only ConfigError may say that it is wrong."""

    def run(arriving: bytes) -> None:
        with suppress(ConfigError):
            judge(parse_document(arriving.decode("utf-8", "replace"), name="file.yaml"))

    return run


_YAML = (
    b": ",
    b"\n",
    b"- ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"!!int ",
    b"'",
    b'"',
    b"|\n ",
    b"\t",
    b"#",
    b"0x",
    b"1e999",
    b"~",
    b"? ",
    b"---\n",
    b"\xef\xbf\xbd",
    b"null",
    b"true",
    b"1s",
    b"\xc2\x85",
    b"- - - ",
)
_DOCUMENT = ("gateway/document/tree.py", "gateway/document/validation.py", "gateway/document/wording.py")
_HOSTILE_YAML = (
    b"[" * 40_000,
    b"{a: " * 40_000,
    b"- " * 40_000,
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b,*b]\n",
    b"9" * 40_000,
    b"a: " + b"9" * 40_000,
    b"\n".join(b"a%d: 1" % n for n in range(3_000)),
    b"# " + b"x" * MAX_TEXT_BYTES,
    b"[" + b"1," * MAX_PARTS + b"]",
    b"",
)


def _document(name: str, judge: Callable[[Document], object], seeds: tuple[bytes, ...], *files: str) -> Codec:
    return Codec(name, _text_runner(judge), (Way(same, seeds),), _YAML, (*_DOCUMENT, *files), _HOSTILE_YAML)


_SITE_HEAD = b"site: s\nlinks: []\ndevices: []\n"
_SITE = (
    b"site: s\nlinks:\n- {id: a, tcp: h:502}\ndevices:\n- {id: m, profile: x/y, link: a, unit_id: 1, interval: 5s}\n",
    b"site: s\ntimezone: UTC\nlinks: []\ndevices: []\nbroker: {url: mqtt://h}\nspool: {size_mib: 8}\n",
    b"site: s\nlinks: [{id: b, serial: /dev/x, baudrate: 9600, parity: none}]\ndevices: []\n",
    b"site: s\nlinks: [{id: b, serial: /dev/x, framing: tcp}, {id: c, tcp: h:1, parity: none}, {id: d}]\ndevices: []\n",
    b"site: s\nlinks: [{id: b, serial: /dev/x, stop_bits: '1'}, {id: 7, tcp: [], baudrate: x}]\ndevices: {}\n",
    _SITE_HEAD + b"broker: {url: mqtt://h, client_key: credential:k, password: credential:p}\n",
    _SITE_HEAD + b"broker: {url: mqtt://h, password: credential:p}\nspool: {size_mib: 1e999}\n",
    _SITE_HEAD + b"broker: {url: mqtt://h, protocol: 5}\nspool: {size_mib: true}\narea_m2: true\n",
    _SITE_HEAD + b"area_m2: no\nspool: {size_mib: 1.5}\nweb: {listen: [a: 1]}\nclock: Service\n",
    _SITE_HEAD + b"area_m2: [x]\ntimezone: Mars\nhome_assistant: 7\nspool: []\nx: 1\nnames: ~\nweb: {names: 5}\n",
    _SITE_HEAD + b"alerts: {to: [{kind: x}, {}, {kind: mail}], mail: 1}\n1: 2\n? [a]\n: 3\n0x1F: 0x1F\n1.5: 2\n",
    b"# nothing\n",
)
_COLLECTOR = (
    b"broker: {url: mqtt://h}\nsites: ['a-*']\nstores:\n- {kind: embedded, path: /x}\n",
    b"broker: {url: mqtt://h}\nsites: [a]\nstores: [{kind: influx, url: http://h, bucket: b, token: credential:t}]\n",
    b"broker: {url: mqtt://h}\nsites: [7, '']\nstores: [{kind: x}, {path: 1}, 5, {kind: victoria}]\ngroup: A B\n",
    b"broker: {url: mqtt://h, protocol: 5, password: credential:p}\nsites: []\nstores: []\nweb: {listen: [a: 1]}\n",
    b"broker: {url: mqtt://h}\nsites: [a]\nstores: [{kind: embedded, path: /x, raw_retention: true}]\nalerts: {}\n",
    b"broker: {url: mqtt://h}\nsites: [a]\nstores: [{kind: embedded, path: /x, raw_retention: x}]\n1e999: 1\n1.5: 2\n",
    b"broker: {url: mqtt://h}\nsites: [a]\nstores: [{kind: embedded, path: x}]\nweb: {names: {}}\nx: 1e999\n",
)
_HEAD = b"profile: a/b\nmaker: A\nmodel: B\nkind: electricity_meter\nsource: [{document: d, version: v}]\n"
_PROFILES = (
    _HEAD + b"protocol: modbus\ninterval: 1s\nmodbus: {table: holding, word_order: big}\npoints:\n"
    b"- {point: elec_voltage_l1, address: 0, type: uint32, unit: V}\n"
    b"tests: [{registers: {0: [0, 0]}, expect: {elec_voltage_l1: 0}}]\n",
    _HEAD + b"protocol: p1\ninterval: 1s\npoints:\n- {point: elec_energy_import, unit: kWh, obis: ['1-0:1.8.0']}\n"
    b"tests: [{telegram: '/x', expect: {elec_energy_import: 1}}]\n",
    _HEAD
    + b"protocol: modbus\ninterval: true\nlink_defaults: {unit_id: true, stop_bits: '1', parity: None}\npoints: []\n",
    _HEAD + b"interval: 1s\npoints: []\n",
    _HEAD + b"protocol: Modbus\ninterval: 1s\n0x1F: 1e999\n",
    _HEAD + b"protocol: modbus\ninterval: 1s\nmodbus: {table: holding, word_order: big, max_registers: true}\npoints:\n"
    b"- {point: elec_voltage_l1, address: 0, type: uint16, unit: V, scale: 0}\n"
    b"- {point: elec_voltage_l2, address: 1, type: uint16, unit: V, scale: true}\ntests: []\n",
    _HEAD + b"protocol: modbus\ninterval: 1s\nmodbus: {table: holding, word_order: big, max_registers: true}\npoints:\n"
    b"- {point: elec_voltage_l1, address: 0, type: uint16, unit: V}\n"
    b"tests: [{registers: {0: [0]}, expect: {elec_voltage_l1: 0}}]\n",
)
_CAPTURE = (
    (
        b'{"kvarter_capture": 1, "port": "p", "framing": "rtu"}\n'
        b'{"time": "2026-11-22T10:00:00.000Z", "direction": "out", "hex": "0103"}\n'
        b'{"time": "2026-11-22T10:00:00.100Z", "direction": "in", "hex": "010302"}\n'
    ),
    (
        b'{"kvarter_capture": 1, "port": "p", "framing": "tcp"}\n'
        b'{"time": "2026-11-22T10:00:00Z", "direction": "in", "hex": "01"}\n'
        b'{"time": "2026-11-22T10:00:09Z", "direction": "in", "hex": "02"}\n'
    ),
)


class _Ear:
    """Implements Mouth: hears what a simulated device says."""

    def __init__(self) -> None:
        self.said = 0

    def write(self, data: bytes) -> None:
        self.said += len(data)


def _run_capture(arriving: bytes) -> None:
    """Parse a capture; now and then say to its talker what stands in it, and a part of that."""
    with suppress(ConfigError):
        capture = parse_capture(arriving, name="line.jsonl")
        talker = CaptureTalker(capture)
        if crc32(arriving) & 7 == 0:
            asyncio.run(_said_to(talker, [chunk.octets for chunk in capture.chunks]))


async def _said_to(talker: CaptureTalker, requests: Sequence[bytes]) -> None:
    for octets in requests:
        talker.heard(octets, _Ear())
        talker.heard(b"\xff" + octets[1:], _Ear())


def _captures() -> Codec:
    return Codec(
        name="capture",
        run=_run_capture,
        ways=(Way(same, _CAPTURE),),
        words=(
            b'"time"',
            b"null",
            b"\n",
            b"[",
            b"{",
            b"}",
            b'"',
            b"-1",
            b"1e999",
            b"NaN",
            b'"hex": ""',
            b"0001-01-01T00:00:00",
            b"9999-12-31",
            b"+24:00",
            b'"in"',
            b'"out"',
            b"\xff",
        ),
        modules=("gateway/sim/capture.py",),
        hostile=(
            b"[" * 40_000,
            b" " * (MAX_BYTES + 1),
            _CAPTURE[0] + b"[" * 40_000 + b"\n{}\n",
            _CAPTURE[0] + b"9" * 40_000,
        ),
    )


def file_codecs() -> Sequence[Codec]:
    """Return the codecs of everything that lies on a disk."""
    vocabulary = load_vocabulary()
    return [
        _document("site", lambda document: validate(document, Site), _SITE, "gateway/core/site.py"),
        _document(
            "collector", lambda document: validate(document, Collection), _COLLECTOR, "gateway/core/collection.py"
        ),
        _document(
            "profile", lambda document: parse_profile(document, vocabulary), _PROFILES, "drivers/profile_head.py"
        ),
        _captures(),
    ]
