"""Whether a store keeps what is written: one line of the doctor's own, written twice, read back once, and removed."""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from gateway.app.access import secret
from gateway.app.doctor_mends import store_mend
from gateway.core.collection import (
    EmbeddedStoreSettings,
    Influx1StoreSettings,
    StoreSettings,
    VictoriaStoreSettings,
)
from gateway.core.errors import ConfigError, SinkUnavailable
from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.stores.open import RemoteSettings, open_store

if TYPE_CHECKING:
    from gateway.app.doctor import Verdict

SITE, DEVICE, POINT, VALUE = "kvarter-doctor", "doctor", "elec_power_active", 230.5
PATIENCE_S = 15.0
"""A server may answer a write before it shows it to a reader."""


async def check_store(settings: StoreSettings, environment: Mapping[str, str]) -> "Verdict":
    """Judge whether a store takes a line and gives it back, once."""
    from gateway.app.doctor import Verdict  # noqa: PLC0415 - it imports this module

    what = f"store {settings.kind}"
    is_here = isinstance(settings, EmbeddedStoreSettings)
    try:
        if isinstance(settings, EmbeddedStoreSettings):
            says = await _embedded(settings, environment)
        else:
            says = await _round_trip(settings, environment)
            if says and not await remove_trial(settings, environment):
                says += f"; the trial row of site {SITE} stays there, this store does not let us remove it"
        if isinstance(settings, VictoriaStoreSettings) and not await _removes_duplicates(settings, environment):
            mend = "start VictoriaMetrics with -dedup.minScrapeInterval=1ms"
            return Verdict(what, is_well=False, says="a line that comes twice is kept twice", mend=mend)
    except (SinkUnavailable, ConfigError, OSError, aiohttp.ClientError) as exc:
        trouble = str(exc) or "no answer in time"
        mend = "look at the folder, its rights and its disk" if is_here else store_mend(trouble)
        return Verdict(what, is_well=False, says=trouble, mend=mend)
    if says:
        return Verdict(what, is_well=True, says=says)
    return Verdict(what, is_well=False, says="what was written does not come back", mend=store_mend(""))


async def _embedded(settings: EmbeddedStoreSettings, environment: Mapping[str, str]) -> str:
    """Try a store beside the real one, which its service has open."""
    with _place_beside(Path(settings.path)) as place:
        return await _round_trip(settings.model_copy(update={"path": place}), environment)


def _place_beside(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-")


async def _round_trip(settings: StoreSettings, environment: Mapping[str, str]) -> str:
    now_ms = time.time_ns() // 1_000_000
    line = f"kvarter,site={SITE},device={DEVICE} {POINT}={VALUE},status=0i {now_ms}000000".encode()
    query = Query(SITE, DEVICE, (POINT,), now_ms - 1, now_ms + 1)
    started_s = time.monotonic()
    async with open_store(
        settings, secret=lambda reference: secret(reference, environment), vocabulary=load_vocabulary()
    ) as store:
        for _ in range(2):
            refused = await store.write([line])
            if refused:
                raise SinkUnavailable(f"refuses a good line: {refused[0].reason}")
        while time.monotonic() - started_s < PATIENCE_S:
            rows = await store.read(query)
            if [row.values for row in rows] == [(VALUE,)]:
                return f"writes and reads back in {time.monotonic() - started_s:.1f} s"
            await asyncio.sleep(0.2)
    return ""


async def remove_trial(settings: RemoteSettings, environment: Mapping[str, str]) -> bool:
    """Take the rows of the doctor out of a store on a server again; return whether it let us.

    Source: InfluxDB 1, DROP SERIES; InfluxDB 2, /api/v2/delete; VictoriaMetrics, /api/v1/admin/tsdb/delete_series.
    """
    base = settings.url.rstrip("/")
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    authorization = _authorization(settings, environment)
    headers = {"Authorization": authorization} if authorization else {}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        if isinstance(settings, Influx1StoreSettings):
            form = {"db": settings.database, "q": f"DROP SERIES WHERE site = '{SITE}'"}
            request = session.post(f"{base}/query", data=form)
        elif isinstance(settings, VictoriaStoreSettings):
            form = {"match[]": f'{{site="{SITE}"}}'}
            request = session.post(f"{base}/api/v1/admin/tsdb/delete_series", data=form)
        else:
            where = {"org": settings.organisation, "bucket": settings.bucket}
            span = {"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z", "predicate": f'site="{SITE}"'}
            request = session.post(f"{base}/api/v2/delete", params=where, json=span)
        try:
            async with request as answer:
                return answer.ok and b'"error"' not in await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return False


def _authorization(settings: RemoteSettings, environment: Mapping[str, str]) -> str:
    if isinstance(settings, Influx1StoreSettings):
        if settings.username is None:
            return ""
        password = secret(settings.password, environment) if settings.password else ""
        return aiohttp.BasicAuth(settings.username, password).encode()
    if not settings.token:
        return ""
    scheme = "Bearer" if isinstance(settings, VictoriaStoreSettings) else "Token"
    return f"{scheme} {secret(settings.token, environment)}"


async def _removes_duplicates(settings: VictoriaStoreSettings, environment: Mapping[str, str]) -> bool:
    """Return whether the server was started so that a line written twice counts once."""
    authorization = _authorization(settings, environment)
    headers = {"Authorization": authorization} if authorization else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
        session.get(settings.url.rstrip("/") + "/flags") as answer,
    ):
        flags = dict(line.split("=", 1) for line in (await answer.text()).splitlines() if "=" in line)
    return flags.get("-dedup.minScrapeInterval", '"0s"').strip('"') not in {"0", "0s", "0ms"}
