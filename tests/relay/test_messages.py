import json
from dataclasses import replace

import pytest

from gateway.core.protocols import Message
from gateway.core.readout import Readout, Status
from gateway.relay.settings import RelaySettings
from gateway.wire.condition import Condition
from gateway.wire.receipt import Receipt, encode_receipt
from tests.relay.workbench import EARLIER_RUN, ORIGIN, RUN, TOPICS, background, bench


async def test_birth_catalogue_and_farewell_are_retained() -> None:
    """The catalogue stands before the birth; both are retained, and stopping says offline."""
    async with bench() as b:
        async with background(b.relay.run()):
            await b.pass_time(1)
            assert b.relay.connected
            kept = {m.topic: m for m in b.broker.published if m.retain}
            assert list(kept) == [TOPICS.catalogue, TOPICS.status]
            assert kept[TOPICS.catalogue].payload == b"catalogue in force"
            birth = json.loads(kept[TOPICS.status].payload)
            assert (birth["state"], birth["run"], birth["catalogue"]) == ("online", RUN, "cafe0001")
        assert json.loads(b.broker.published[-1].payload)["state"] == "offline"


async def test_a_vanished_gateway_leaves_its_will() -> None:
    """When the connection is cut, the broker says offline for us."""
    async with bench() as b, background(b.relay.run()):
        await b.pass_time(1)
        b.broker.refusal = "down"
        b.broker.cut()
        await b.pass_time(1)
        states = [json.loads(m.payload)["state"] for m in b.collector.messages if m.topic == TOPICS.status]
        assert states == ["online", "offline"]
        assert not b.relay.connected


async def test_messages_that_are_not_receipts_are_counted_and_harmless(caplog: pytest.LogCaptureFixture) -> None:
    """Malformed, invented and foreign receipts and unsolicited topics free nothing and stop nothing."""
    invented = [
        Receipt(RUN, 0, 2**59),
        Receipt(RUN, 1, 1),
        Receipt("f" * 16, 0, 2),
    ]
    async with bench() as b, background(b.relay.run()):
        b.collector.answers = False
        b.append(3)
        await b.pass_time(1)
        async with b.broker.local.connect() as stranger:
            for payload in (b"", b"\xff" * 5000, b"{}", b'{"run":"x","first":0,"last":1}'):
                await stranger.publish(Message(TOPICS.receipt, payload))
            for receipt in invented:
                await stranger.publish(Message(TOPICS.receipt, encode_receipt(receipt)))
        await b.pass_time(1)
        counters = b.relay.counters
        assert (counters.malformed_receipts, counters.idle_receipts, counters.released) == (4, 3, 0)
        assert b.spool.backlog().waiting == 3
        b.collector.answers = True
        await b.pass_time(31)
        assert b.spool.backlog().waiting == 0
    assert sum("is ignored" in record.getMessage() for record in caplog.records) == 1


async def test_a_topic_that_was_not_asked_for_is_ignored() -> None:
    """A broker that delivers other topics to us is counted."""
    async with bench() as b:
        b.broker.widens = True
        async with background(b.relay.run()):
            b.append()
            await b.pass_time(2)
            assert b.relay.counters.unsolicited >= 1
            assert b.spool.backlog().waiting == 0


async def test_an_older_catalogue_passes_unretained_before_the_batch_that_needs_it() -> None:
    """Once per connection, and again when such a batch is sent again."""
    async with bench() as b:
        b.spool.run, b.spool.catalogue = EARLIER_RUN, "cafe0000"
        b.append(3)
        b.spool.run, b.spool.catalogue = RUN, "cafe0001"
        b.append(3)
        b.collector.answers = False
        async with background(b.relay.run()):
            await b.pass_time(40)
        relevant = (TOPICS.catalogue, TOPICS.readings)
        came = [m for m in b.collector.messages if m.topic in relevant]
        passed = [m.payload[:9] if m.topic == TOPICS.catalogue else b"batch" for m in came]
        retained = [m for m in b.broker.published if m.payload == b"older catalogue" and m.retain]
        assert retained == []
        assert passed[:4] == [b"catalogue", b"batch", b"older cat", b"batch"]
        assert passed.count(b"older cat") == 2


async def test_a_catalogue_adopted_later_is_retained_before_its_first_batch() -> None:
    """When the catalogue in force changes, the new one is published before a batch names it."""
    async with bench() as b, background(b.relay.run()):
        b.append()
        await b.pass_time(2)
        b.relay.adopt("cafe0000")
        b.spool.catalogue = "cafe0000"
        b.append()
        await b.pass_time(2)
        last = [m for m in b.broker.published if m.topic in (TOPICS.catalogue, TOPICS.readings)][-2:]
        assert last[0] == Message(TOPICS.catalogue, b"older catalogue", retain=True)
        assert b"catalogue=cafe0000" in last[1].payload


async def test_a_lost_catalogue_is_said_and_the_batch_still_goes(caplog: pytest.LogCaptureFixture) -> None:
    """A collector may still have the catalogue that we lost, so its batches are sent."""
    async with bench() as b, background(b.relay.run()):
        b.spool.catalogue = "dead0000"
        b.append()
        await b.pass_time(2)
        assert b.spool.backlog().waiting == 0
        assert b.relay.counters.unknown_catalogues == 1
    assert "catalogue dead0000 of waiting readouts is lost" in caplog.text


async def test_people_see_the_newest_values_of_each_device_at_most_once_per_interval() -> None:
    """However often a device is read, its retained JSON comes once per interval and is the newest."""
    async with bench(RelaySettings(live_interval_s=1.0)) as b, background(b.relay.run()):
        await b.pass_time(1)
        for number in range(50):
            for device in ("meter", "pump"):
                readout = Readout(device, b.clock.monotonic(), ("elec_power_active",), (float(number),), Status.OK)
                b.relay.show(readout, b.clock.utc_ms())
            await b.pass_time(0.1)
        await b.pass_time(2)
        shown = [m for m in b.broker.published if m.topic == TOPICS.live("meter")]
        assert 5 <= len(shown) <= 6
        assert json.loads(shown[-1].payload)["values"] == {"elec_power_active": 49.0}
        assert all(m.retain for m in shown)
        assert b.relay.counters.live == 2 * len(shown)


async def test_a_broker_that_refuses_live_values_still_gets_batches(caplog: pytest.LogCaptureFixture) -> None:
    """Missing rights for the live topics are said once and cost nothing else."""
    async with bench(RelaySettings(live_interval_s=1.0)) as b, background(b.relay.run()):
        b.broker.denies = lambda message: "/live/" in message.topic
        for _ in range(5):
            b.append()
            b.relay.show(Readout("meter", b.clock.monotonic(), (), (), Status.OK), None)
            await b.pass_time(2)
        assert b.broker.attempts == 1
        assert b.spool.backlog().waiting == 0
        assert b.relay.counters.live_failures == 5
    assert caplog.text.count("denied") == 1


async def test_live_values_are_not_even_remembered_where_nobody_sees_them() -> None:
    """Within one process there are no live messages."""
    async with bench(RelaySettings(live=False)) as b, background(b.relay.run()):
        b.relay.show(Readout("meter", b.clock.monotonic(), (), (), Status.OK), None)
        await b.pass_time(3)
        assert not any("/live/" in m.topic for m in b.broker.published)


async def test_the_status_tells_what_went_wrong() -> None:
    """Counters of the gateway and of the relay stand in the retained status: a new trouble soon, its growth seldom."""
    troubles = {"poll_failures": 0}
    origin = replace(ORIGIN, counters=lambda: troubles)
    async with bench(origin=origin) as b, background(b.relay.run()):
        await b.pass_time(1)
        troubles["poll_failures"] = 3
        await b.pass_time(10)
        for _ in range(110):
            troubles["poll_failures"] += 1
            await b.pass_time(1)
        births = [json.loads(m.payload) for m in b.broker.published if m.topic == TOPICS.status]
        assert len(births) == 3
        assert births[1]["counters"]["poll_failures"] == 3
        assert births[1]["counters"]["relay_malformed_receipts"] == 0


async def test_the_status_tells_how_the_gateway_is_on_change_and_seldom() -> None:
    """A wrong clock is told within seconds; what only grows once a minute; what stays as it is, never again."""
    said = [Condition(time_ms=0, synchronised=True, readouts=1)]
    origin = replace(ORIGIN, condition=lambda: said[-1], worries=lambda: said[-1].synchronised)
    async with bench(origin=origin) as b, background(b.relay.run()):

        def births() -> list[dict[str, object]]:
            trees = [json.loads(m.payload) for m in b.broker.published if m.topic == TOPICS.status]
            return [tree["gateway"] for tree in trees]

        await b.pass_time(1)
        said.append(Condition(time_ms=1000, synchronised=False, readouts=1))
        await b.pass_time(10)
        assert births()[1:] == [{"time_ms": 1000, "synchronised": False, "readouts": 1}]
        for second in range(110):
            said.append(Condition(time_ms=1000 * second, synchronised=False, readouts=second))
            await b.pass_time(1)
        assert len(births()) == 3
        for second in range(200):
            said.append(Condition(time_ms=1000 * second, synchronised=False, readouts=110))
            await b.pass_time(1)
        assert len(births()) == 4
        assert births()[-1]["readouts"] == 110
