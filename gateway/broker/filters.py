"""Topic filters of MQTT: pure.

Source: MQTT 3.1.1, section 4.7; MQTT 5.0, section 4.8.2 (shared subscriptions).
"""

from dataclasses import dataclass

MAX_TOPIC_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Filter:
    """What a session subscribes to."""

    group: str | None
    """Members of a group share the messages between them."""
    levels: tuple[str, ...]

    def matches(self, topic: str) -> bool:
        """Return whether a message on the topic is asked for."""
        levels = topic.split("/")
        if topic.startswith("$") and self.levels[0] in ("+", "#"):
            return False
        for index, wanted in enumerate(self.levels):
            if wanted == "#":
                return True
            if index == len(levels) or wanted not in ("+", levels[index]):
                return False
        return len(levels) == len(self.levels)


def parse_filter(text: str) -> Filter | None:
    """Return the filter, None where the text is not one."""
    group: str | None = None
    if text.startswith("$share/"):
        _, group, text = [*text.split("/", 2), ""][:3]
        if not group or set(group) & set("+#"):
            return None
    levels = tuple(text.split("/"))
    if not is_topic(text.replace("+", "x").replace("#", "x")) or "#" in levels[:-1]:
        return None
    if any(len(level) > 1 and set(level) & set("+#") for level in levels):
        return None
    return Filter(group, levels)


def is_topic(text: str) -> bool:
    """Return whether a message may be published on the topic."""
    return bool(text) and not set(text) & set("+#\0") and len(text.encode()) <= MAX_TOPIC_BYTES
