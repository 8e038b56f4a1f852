"""Adding one entry to a list of a file, and nothing else."""

import pytest

from gateway.document.edit import append_item
from gateway.document.tree import parse_document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  - 1  # one\n", "a:\n  - 1  # one\n  - {b: 2}  # new\n"),
        ("a:\n- id: x\n  # inside\n  y: 1\nc: 3\n", "a:\n- id: x\n  # inside\n  y: 1\n- {b: 2}  # new\nc: 3\n"),
        ("a:\n  -\n    id: x\n", "a:\n  -\n    id: x\n  - {b: 2}  # new\n"),
        ("a: [1]  # one\n", "a: [1, {b: 2}]  # one\n"),
        ("a: []  # none\nc: 3\n", "a: # none\n  - {b: 2}  # new\nc: 3\n"),
        ("a:\nc: 3\n", "a:\n  - {b: 2}  # new\nc: 3\n"),
        ("c: 3\n", "c: 3\na: [{b: 2}]\n"),
        ("a:\r\n  - 1\r\n", "a:\r\n  - 1\r\n  - {b: 2}  # new\r\n"),
        ("a: []", "a:\n  - {b: 2}  # new\n"),
    ],
)
def test_an_entry_is_added_in_every_layout(text: str, expected: str) -> None:
    """The entry stands behind the last one, with its indent; everything else is as it was."""
    document = parse_document(text, name="site.yaml")
    after = append_item(document, "a", "{b: 2}", remark="new")
    assert after == expected
    tree = parse_document(after, name="site.yaml").tree
    assert isinstance(tree, dict)
    entries = tree["a"]
    assert isinstance(entries, list)
    assert entries[-1] == {"b": 2}


def test_a_value_that_is_no_list_is_left_alone() -> None:
    """A key that holds something else is an error."""
    with pytest.raises(KeyError):
        append_item(parse_document("a: text\n", name="site.yaml"), "a", "1")
