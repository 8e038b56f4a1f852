"""The dashboard for Grafana."""

import json
import re

from gateway.core.quantity import load_vocabulary
from tests.config.dashboard import PAGE, dashboard


def test_the_dashboard_is_not_stale() -> None:
    """config/grafana/kvarter.json is what `make grafana` writes."""
    assert PAGE.read_text(encoding="utf-8") == dashboard()


def test_every_quantity_is_asked_for_once() -> None:
    """Each name of the vocabulary stands in one query, and each panel has an id and a place of its own."""
    panels = json.loads(dashboard())["panels"]
    queries = [target["query"] for panel in panels for target in panel.get("targets", ())]
    asked = [re.search(r'"(\w+)"\)', query) for query in queries]
    assert sorted(found[1] for found in asked if found) == sorted(load_vocabulary())
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
