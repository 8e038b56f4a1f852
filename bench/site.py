"""The site of all benchmarks: meters on Modbus TCP, one link each, and the collector that takes their batches."""

from collections.abc import Sequence
from pathlib import Path

from bench.meter import PROFILE, write_profile

SITE = "bench"


def write_site(folder: Path, ports: Sequence[int], mqtt_port: int) -> Path:
    """Write site and profile for meters on these ports and return the site file."""
    write_profile(folder / "profiles")
    links = "\n".join(f"  - {{id: link_{n}, tcp: '127.0.0.1:{port}'}}" for n, port in enumerate(ports))
    devices = "\n".join(f"  - {{id: meter_{n}, profile: {PROFILE}, link: link_{n}}}" for n in range(len(ports)))
    head = (
        f"site: {SITE}\nclock: trusted\ndata: {folder}/edge\nprofiles: [{folder}/profiles]\nspool: {{size_mib: 64}}\n"
    )
    path = folder / "site.yaml"
    path.write_text(f"{head}{_broker(mqtt_port)}links:\n{links}\ndevices:\n{devices}\n", encoding="utf-8")
    return path


def write_collector(folder: Path, mqtt_port: int, store: str) -> Path:
    """Write a collector with one store, given in YAML, and return its file."""
    path = folder / "collector.yaml"
    text = f"{_broker(mqtt_port)}sites: [{SITE}]\ndata: {folder}/collector\nstores: [{store}]\n"
    path.write_text(text, encoding="utf-8")
    return path


def _broker(mqtt_port: int) -> str:
    return f"broker: {{url: 'mqtt://127.0.0.1:{mqtt_port}'}}\n"
