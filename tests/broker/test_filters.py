import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.broker.filters import is_topic, parse_filter

LEVEL = st.text("abc", min_size=0, max_size=2)


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/monitor/Clients", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/monitor/Clients", True),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
        ("$share/collectors/kvarter/1/+/readings", "kvarter/1/a/readings", True),
        ("kvarter/1/+/readings", "kvarter/1/a/readings/gz", False),
    ],
)
def test_examples_of_the_standard_match(text: str, topic: str, expected: bool) -> None:  # noqa: FBT001
    """A filter matches exactly the topics that sections 4.7.1 to 4.7.3 of MQTT 3.1.1 say it does."""
    wanted = parse_filter(text)
    assert wanted is not None
    assert wanted.matches(topic) is expected


@pytest.mark.parametrize(
    "text", ["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "a/b\0", "$share/", "$share/g", "$share/+/a"]
)
def test_what_is_not_a_filter_is_refused(text: str) -> None:
    """Wildcards stand alone in their level, # stands last, and a shared filter names its group."""
    assert parse_filter(text) is None


def test_the_group_of_a_shared_filter_is_not_part_of_its_levels() -> None:
    """A shared filter says its group and asks for the topics after it."""
    wanted = parse_filter("$share/collectors/a/+")
    assert wanted is not None
    assert (wanted.group, wanted.levels) == ("collectors", ("a", "+"))


@given(st.lists(LEVEL, min_size=1, max_size=4), st.data())
def test_a_topic_matches_itself_with_levels_replaced(levels: list[str], data: st.DataObject) -> None:
    """A topic is matched by itself, with any level replaced by + and any tail replaced by #."""
    topic = "/".join(levels)
    if not is_topic(topic):
        return
    index = data.draw(st.integers(0, len(levels) - 1))
    for text in (topic, "/".join([*levels[:index], "+", *levels[index + 1 :]]), "/".join([*levels[:index], "#"])):
        wanted = parse_filter(text)
        assert wanted is not None
        assert wanted.matches(topic)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 65_536])
def test_a_topic_to_publish_on_has_no_wildcard(topic: str) -> None:
    """Empty topics, wildcards, NUL and topics above 65,535 bytes cannot be published on."""
    assert not is_topic(topic)
