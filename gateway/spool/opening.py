"""Opening a spool on whatever is there."""

import asyncio
import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress

from gateway.core.clock import Clock
from gateway.core.errors import SpoolError
from gateway.core.protocols import Files
from gateway.core.readout import Event
from gateway.spool.adoption import Left, recover
from gateway.spool.anchors import Timekeeper
from gateway.spool.ledger import Ledger
from gateway.spool.record import MAX_SEQUENCE, Kind, Origin, boot_tag
from gateway.spool.recovery import RingFound, find_ring
from gateway.spool.ring import FlashRing
from gateway.spool.setup import SpoolSetup
from gateway.spool.spool import DurableSpool
from gateway.spool.state import SpoolState
from gateway.spool.tier import Tier

_LOG = logging.getLogger(__name__)
_NEWEST_RANK = 2**63


async def open_spool(
    flash: Files, memory: Files | None, *, setup: SpoolSetup, clock: Clock, worker: Executor | None = None
) -> tuple[DurableSpool, list[Event]]:
    """Return the spool, and the gaps that must be appended to it before anything else.

    It never fails: what cannot be read is set aside or tried again later, and declared.

    Args:
        flash: Survives a power cut.
        memory: RAM-backed, survives this process; None where there is no such thing.
        setup: Who writes, and within which bounds. A run that wrote before goes on behind its last number.
        clock: Time.
        worker: One thread that waits for the disk; made when left out, ended with the spool.
    """
    worker = worker or ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
    origin = Origin(setup.run, setup.catalogue, boot_tag(setup.boot_id))
    tier = Tier(memory, size_bytes=setup.memory_bytes, shelf_bytes=setup.shelf_bytes) if memory is not None else None
    ring = FlashRing(flash, segment_bytes=setup.segment_bytes, capacity=setup.capacity_bytes // setup.segment_bytes)
    state = SpoolState(
        setup=setup,
        clock=clock,
        ledger=Ledger(resend_after_s=setup.resend_after_s),
        times=Timekeeper(origin.boot),
        tier=tier,
        origin=origin,
        is_exposed=tier is None,
    )
    left, found = await asyncio.get_running_loop().run_in_executor(worker, _look, tier, flash, setup.segment_bytes)
    events = recover(state, ring, found=found, left=left)
    state.ledger.open_run(setup.run, origin.boot, rank=_NEWEST_RANK)
    known = [*(place.last for place in state.places.of_run(setup.run)), *state.ledger.recent(setup.run)]
    state.next_sequence = max((number for number in known if number < MAX_SEQUENCE // 2), default=0) + 1
    state.begin_tier()
    if tier is not None:
        with suppress(SpoolError):
            tier.put_note(state.mark(Kind.MARK))
    state.health.damaged = sum(event.count for event in events)
    for event in events:
        _LOG.warning("spool: gap, cause %s, %d readouts known: %s", event.cause, event.count, event.text)
    return DurableSpool(state, ring, worker=worker, found=found), events


def _look(tier: Tier | None, flash: Files, segment_bytes: int) -> tuple[Left, RingFound | None]:
    """Read both tiers; a flash that cannot be read now is tried again by the first round."""
    left: Left = []
    found = None
    if tier is not None:
        with suppress(SpoolError):
            left = tier.recover()
    try:
        found = find_ring(flash, segment_bytes=segment_bytes)
    except SpoolError as exc:
        _LOG.error("spool: %s; starting without it", exc)
    return left, found
