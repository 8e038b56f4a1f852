"""`kvarter scan`: a scan of a real port, by the service where that owns it."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from drivers.catalog import Catalog
from drivers.link import Trace
from drivers.scan.found import Evidence, Findings
from drivers.scan.verdict import verdict
from gateway.app.clock import SystemClock
from gateway.app.local_port import find_service, own_link, service_link
from gateway.app.scan import Means, OpenLink, Scan, ScanOptions, Watcher
from gateway.app.scan_mbus import search_meters
from gateway.core.quantity import load_vocabulary
from gateway.core.site import LinkSettings


class PortScan:
    """A scan that can be stopped; what was found until then is kept.

    Args:
        options: What to search.
        watcher: Sees it go on.
        environment: Where services have their sockets.
        profiles: The installer's own folders of profiles.
        capture: Told of every byte.
    """

    def __init__(
        self,
        options: ScanOptions,
        watcher: Watcher,
        *,
        environment: Mapping[str, str],
        profiles: Sequence[Path] = (),
        capture: Trace | None = None,
    ) -> None:
        self._options = options
        self._watcher = watcher
        self._environment = environment
        self._folders = profiles
        self._capture = capture
        evidence = Evidence(options.link.port, "serial" if options.is_serial else "socket")
        self.findings = Findings(evidence)

    async def run(self) -> None:
        """Scan; `findings` grows meanwhile.

        Raises:
            ConfigError: a profile is wrong.
        """
        clock = SystemClock(trusted=True)
        found = await find_service(self._options.link, self._environment)

        def open_link(settings: LinkSettings, trace: Trace) -> OpenLink:
            if found is not None:
                return service_link(*found, clock=clock, trace=trace)
            return own_link(settings, clock=clock, trace=trace)

        means = Means(
            Catalog(load_vocabulary(), self._folders),
            clock,
            open_link,
            partial(search_meters),
            service=found[1].settings if found is not None else None,
            capture=self._capture,
        )
        scan = Scan(self._options, means, self._watcher)
        self.findings = scan.findings
        await scan.run()

    def as_json(self) -> dict[str, object]:
        """Return what was found as `--json` prints it."""
        evidence = self.findings.evidence
        return {
            "port": evidence.port,
            "through_service": evidence.through_service,
            "asked": evidence.asked,
            "devices": [device.as_json() for device in self.findings.devices],
            "verdict": verdict(self.findings),
        }
