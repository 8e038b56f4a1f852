"""What arrives by MQTT at a collector and at a gateway, and what visitors of the local socket say."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from drivers.scan.harmless import changes_something
from gateway.app.local_words import Answer, Said
from gateway.collector.checks import Inventory, check_lines, take_inventory
from gateway.core.errors import WireError
from gateway.core.quantity import load_vocabulary
from gateway.wire.batch import MAX_BATCH_BYTES, compress, decode_batch, decompress, encode_batch
from gateway.wire.catalogue import catalogue_id, decode_catalogue, encode_catalogue
from gateway.wire.line import parse_line
from gateway.wire.receipt import Receipt, decode_receipt, encode_receipt
from gateway.wire.status import decode_status, encode_birth, encode_will
from gateway.wire.topics import Topics, parse_topic
from tests.collector.sending import RUN, SITE, START_MS, batch, catalogue, line
from tests.fuzz.codec import Codec, Way, same

_GZIP = b"\x1f\x8b"
_EVENT = b"kvarter_event,site=house,kind=gap,cause=power,device=meter from=1i,to=2i,count=1i %d000000" % START_MS
_NOTE = b'# {"text":"x","author":"y"}\n'
_PUMP = b"kvarter,site=house,device=pump elec_power_active=-1.5e+3,elec_power_active_suspect=1i,hp_operating_mode=1i,"


@cache
def _inventory() -> Inventory:
    """Return what two devices may send, and one whose catalogue knows a vocabulary newer than ours."""
    known, newer = catalogue(), catalogue(points=("elec_power_active", "not_yet"))
    newer = newer.model_copy(update={"vocabulary": 99_999})
    inventory = take_inventory(known, load_vocabulary())
    return Inventory(SITE, {**inventory.devices, "newer": take_inventory(newer, load_vocabulary()).devices["meter"]})


def _judge_batch(arriving: bytes) -> None:
    """Do with a message what a collector does; what is accepted is a line of the site it came from."""
    try:
        text = decompress(arriving) if arriving.startswith(_GZIP) else arriving
        site, held = decode_batch(text)
    except WireError:
        return
    accepted, refused = check_lines(held.lines, _inventory(), now_ms=START_MS)
    assert len(accepted) + len(refused) == len(held.lines) == held.last - held.first + 1
    assert site == text.split(b"site=", 1)[1].split(b" ", 1)[0].decode()
    for each in accepted:
        whole = parse_line(each)
        assert whole.tags["site"] == SITE
        assert 0 < whole.time_ms <= START_MS + 24 * 3600 * 1000
    for lost in refused:
        assert lost.reason


@cache
def _catalogue_id() -> bytes:
    return catalogue_id(encode_catalogue(catalogue())).encode()


def _with_header(content: bytes) -> bytes:
    """Return lines behind a header that says how many they are."""
    body = content if content.endswith(b"\n") else content + b"\n"
    count = sum(not text.startswith(b"#") for text in body.split(b"\n")[:-1])
    head = b"# kvarter/1 site=house run=%b first=1 last=%d catalogue=%b\n" % (RUN.encode(), count, _catalogue_id())
    return head + body


def _batch() -> Codec:
    lines = (
        line(0) + b"\n" + line(1),
        _EVENT,
        _NOTE + _EVENT,
        _PUMP + b"status=1i,clock=1i %d000000" % START_MS,
        line(2) + b"\n" + _NOTE + _EVENT,
        *(
            b"kvarter,site=house,device=%b %b,status=0i %d000000" % (device, fields, START_MS)
            for device, fields in (
                (b"newer", b"not_yet=1.5"), (b"newer", b"not_yet=7i"), (b"meter", b"elec_power_active=1i"),
                (b"pump", b"hp_operating_mode=1.5"), (b"pump", b"elec_power_active_suspect=2i"), (b"pump", b"x=1i"),
                (b"pump", b"elec_power_active=1e999"), (b"pump", b"hp_operating_mode=9999999999999999999i"),
                (b"pump", b"elec_power_active=1.0,elec_power_active=1.0"), (b"boiler", b"elec_power_active=1.0"),
            )
        ),
    )  # fmt: skip
    return Codec(
        name="batch",
        run=_judge_batch,
        ways=(
            Way(_with_header, lines),
            Way(lambda content: compress(_with_header(content)), lines[:1]),
            Way(same, (encode_batch(SITE, batch(1, 1)),)),
        ),
        words=(
            b",",
            b"=",
            b" ",
            b"\n",
            b"# ",
            b"i",
            b"e+308",
            b"-",
            b"status=2i",
            b"device=pump",
            b"kvarter_event",
            b"nan",
            b"9999999999999",
            b"000000",
            b"{}",
            b"1.0",
            b"last=",
            b"_suspect=1i",
            b"hp_operating_mode=1i",
        ),
        modules=("gateway/wire/batch.py", "gateway/wire/line.py", "gateway/collector/checks.py"),
        hostile=(
            b"# kvarter/1 site=house run=%b first=0 last=999999999999999999 catalogue=00000000\n" % RUN.encode(),
            compress(b"\n" * 64_000_000),
            b"#" * (MAX_BATCH_BYTES + 1),
            _GZIP + b"#" * MAX_BATCH_BYTES,
            b"# " + b"[" * 40_000,
            _with_header(b"# " + b"[" * 40_000 + b"\n" + _EVENT),
        ),
    )


def _judge_receipt(arriving: bytes) -> None:
    with suppress(WireError):
        receipt = decode_receipt(arriving)
        assert 0 <= receipt.first <= receipt.last < 2**60
        assert decode_receipt(encode_receipt(receipt)) == receipt
    topic = arriving[:100].decode("latin-1")
    found = parse_topic(topic)
    assert found is None or topic.startswith(f"kvarter/1/{found[0]}/")


def _receipt() -> Codec:
    topics = Topics(SITE)
    texts = [topics.readings, topics.readings_gz, topics.live("meter"), topics.receipt]
    seeds = (encode_receipt(Receipt(RUN, 1, 5, ("gz",))), encode_receipt(Receipt(RUN, 0, 2**60 - 1)))
    return Codec(
        name="receipt",
        run=_judge_receipt,
        ways=(Way(same, seeds), Way(same, tuple(text.encode() for text in texts))),
        words=(
            b'"run"',
            b"null",
            b"1e9",
            b"[",
            b"{",
            b"}",
            b'"',
            b"-1",
            b"1152921504606846976",
            b"/",
            b"kvarter/1/",
            b"gz",
        ),
        modules=("gateway/wire/receipt.py", "gateway/wire/topics.py"),
        hostile=(b"[" * 40_000, b'{"run":"' + b"a" * 40_000 + b'"}', b'{"first":' + b"9" * 4000),
    )


def _judge_status(arriving: bytes) -> None:
    with suppress(WireError):
        assert all(isinstance(key, str) for key in decode_status(arriving))


def _status() -> Codec:
    seeds = (
        encode_birth(run=RUN, version="1.0", counters={"lost": 1}, catalogue="5f0c9a1e"),
        encode_will(RUN),
        b"[1]",
        b'"online"',
    )
    return Codec(
        name="status",
        run=_judge_status,
        ways=(Way(same, seeds),),
        words=(b'"state"', b"null", b"1e999", b"[", b"{", b"}", b'"', b"NaN", b"\\ud800", b"\xff"),
        modules=("gateway/wire/status.py",),
        hostile=(b"[" * 40_000, b'{"a":' * 10_000, b"9" * 40_000, b'{"a":"' + b"a" * 70_000 + b'"}'),
    )


def _judge_catalogue(arriving: bytes) -> None:
    with suppress(WireError):
        found = decode_catalogue(arriving)
        inventory = take_inventory(found, load_vocabulary())
        assert inventory.site == found.site
        assert decode_catalogue(encode_catalogue(found)) == found


def _catalogue() -> Codec:
    whole = encode_catalogue(catalogue(points=("elec_power_active",)))
    newer = encode_catalogue(catalogue(points=("hp_operating_mode", "not_yet")))
    return Codec(
        name="catalogue",
        run=_judge_catalogue,
        ways=(
            Way(
                same,
                (
                    whole,
                    whole.replace(b'"vocabulary":1', b'"vocabulary":99999'),
                    newer.replace(b'"vocabulary":1', b'"vocabulary":99999'),
                    newer,
                    whole.replace(b'"meter"', b'"a"').replace(b'"pump"', b'"a"'),
                ),
            ),
        ),
        words=(
            b'"site"',
            b"null",
            b"1e999",
            b"[",
            b"{",
            b"}",
            b'"',
            b"-1",
            b"NaN",
            b'"devices":{}',
            b'"points":{}',
            b"99",
        ),
        modules=("gateway/wire/catalogue.py", "gateway/collector/checks.py"),
        hostile=(b"[" * 40_000, b'{"site":"' + b"a" * 40_000 + b'"}', b'{"a":' * 40_000, b" " * 5_000_000),
    )


def _judge_words(arriving: bytes) -> None:
    """Understand a line as the service does, and as a visitor does."""
    with suppress(ValueError):
        said = Said.model_validate_json(arriving)
        assert 0 <= said.unit <= 255
        with suppress(ValueError):
            changes_something(bytes.fromhex(said.hex))
        for each in said.probes:
            with suppress(ValueError):
                assert each.request.pdu[0] in (1, 2, 3, 4)
        assert said.request.pdu[0] in (1, 2, 3, 4, 0x2B)
    with suppress(ValueError):
        bytes.fromhex(Answer.model_validate_json(arriving).heard or "")


def _local() -> Codec:
    crc = b"010300000001840a"
    said = (
        b'{"do":"send","hex":"' + crc + b'"}',
        b'{"do":"send","hex":"000100000006010300000001"}',
        b'{"do":"send","hex":"3a3031303330303030303030314642' + b'0d0a"}',
        b'{"do":"send","hex":"6804046853fd5012b216"}',
        b'{"do":"send","hex":"680b0b6853fd52ffffffffffffffff9a16"}',
        b'{"do":"ask","link":"bus","unit":1,"table":"holding","address":0,"count":2,"timeout_s":1.0}',
        b'{"do":"send","hex":"68080868"}',
        b'{"do":"send","hex":"010600010002"}',
        b'{"do":"speed","baudrate":300}',
        b'{"do":"ask","link":"bus","unit":1,"probes":[{"table":"coil","address":1,"count":1}]}',
    )
    answers = (
        b'{"links":[{"settings":{"id":"bus","tcp":"h:1"},"units":[1]}]}',
        b'{"error":"refused","text":"x","code":2}',
        b'{"traced":"0102","direction":"out","time":"x"}',
        b'{"heard":"0102"}',
    )
    return Codec(
        name="local",
        run=_judge_words,
        ways=(Way(same, said), Way(same, answers)),
        words=(
            b'"do"',
            b'"take"',
            b"null",
            b"[",
            b"{",
            b"}",
            b'"',
            b"-1",
            b"1e999",
            b"NaN",
            b'"hex":"01"',
            b"65536",
            b"2000",
        ),
        modules=("gateway/app/local_words.py", "drivers/scan/harmless.py"),
        hostile=(
            b"[" * 40_000,
            b'{"hex":"' + b"0" * 40_000 + b'"}',
            b'{"do":"ask","count":4294967295,"table":"coil"}',
        ),
    )


def wire_codecs() -> Sequence[Codec]:
    """Return the codecs of messages and of the local socket."""
    return [_batch(), _receipt(), _status(), _catalogue(), _local()]
