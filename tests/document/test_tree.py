"""YAML text to a tree that knows its lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ConfigError
from gateway.document.tree import MAX_DEPTH, MAX_PARTS, MAX_TEXT_BYTES, Tree, load_document, parse_document


def tree_of(text: str) -> Tree:
    return parse_document(text, name="site.yaml").tree


def message_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, name="site.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("0x1F", 31),
        ("0xFFFFFFFFFFFFFFFF", 2**64 - 1),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("false", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("True", "True"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        (".inf", ".inf"),
        ("0012345", "0012345"),
        ("007.5", "007.5"),
        ("0b101", "0b101"),
        ("1.2.3", "1.2.3"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("|\n  5\n", "5\n"),
        ("\u0661", "\u0661"),
    ],
)
def test_scalar_means_what_it_shows(text: str, value: object) -> None:
    """A plain scalar is a number, a switch or nothing only in the spelling that everybody reads so."""
    tree = tree_of(f"key: {text}")
    assert tree == {"key": value}
    assert isinstance(tree, dict)
    assert type(tree["key"]) is type(value)


def test_keys_are_words_and_whole_numbers() -> None:
    """A register address is a number as a key, in decimal or hexadecimal."""
    assert tree_of("0x10: a\n17: b\nword: c\n'18': d\n") == {16: "a", 17: "b", "word": "c", "18": "d"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_file_without_content_has_no_tree(text: str) -> None:
    """An empty file is read as nothing, and said to be empty where a schema is asked for."""
    assert tree_of(text) is None


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: &x 2\nc: 3\n", 2, "anchors"),
        ("a: &x 1\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: !!str 2\n", 2, "tags"),
        ("a: !include x\n", 1, "tags"),
        ("a: 1\nb: 2\na: 3\n", 3, "a stands twice"),
        ("0x10: 1\n16: 2\n", 2, "16 stands twice"),
        ("a:\n  - b: 1\n    b: 2\n", 3, "b stands twice"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key is a word"),
        ("a: 1\n1.5: 2\n", 2, "a key is a word"),
        ("a: 1\ntrue: 2\n", 2, "a key is a word"),
        ("a: 1\n~: 2\n", 2, "a key is a word"),
        ("a: 1\nb: [c: 1]\n", 2, "a pair in brackets"),
        ("a: 1\nb: {c}\n", 2, "c: a key is followed by a colon"),
        ("? a\n? b\n", 1, "a: a key is followed by a colon"),
        ("a: 1\n  b: 2\n", 2, "not valid YAML"),
        ("a: [1, 2\n", 2, "not valid YAML"),
        ("a:\n\t- 1\n", 2, "indent with spaces, not with tabs"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("a: 1\nb: %\x00\n", 2, "not text"),
        ("a: 1\nb: \x07\n", 2, "not text"),
        ("a: 1\nb: " + "9" * 5000, 2, "more than 40 digits"),
        ("a: 1\nb: 0x" + "F" * 5000, 2, "more than 40 digits"),
        ("a: 1\nb: 1e999", 2, "beyond the range"),
    ],
)
def test_text_that_misleads_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    """What does not mean what it shows, or is not YAML at all, is refused and its line is named."""
    message = message_of(text)
    assert message.startswith(f"site.yaml:{line}: ")
    assert problem in message


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{b: " * 5000, "- " * 50_000, "? " * 1000])
def test_deep_nesting_is_refused(text: str) -> None:
    """Nesting that would exhaust the stack is an error of the file."""
    assert f"nested deeper than {MAX_DEPTH} levels" in message_of(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    """The deepest allowed nesting is read."""
    tree = tree_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        assert isinstance(tree, list)
        tree = tree[0]
    assert tree == []


def test_too_long_a_text_is_refused() -> None:
    """A file of more bytes than any site needs is not parsed."""
    assert "longer than" in message_of("#" * (MAX_TEXT_BYTES + 1))
    assert "longer than" in message_of("#" + "é" * (MAX_TEXT_BYTES // 2))


def test_too_many_parts_are_refused() -> None:
    """A file of more entries than any site needs is not taken into memory."""
    assert "keys and values" in message_of(f"[{'1,' * MAX_PARTS}]")


def test_file_is_read_with_its_path_in_messages(tmp_path: Path) -> None:
    """The path that the installer gave stands before each line number."""
    path = tmp_path / "site.yaml"
    path.write_text("\ufeffsite: kløver\r\nname: [\r\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_document(path)
    assert str(caught.value).startswith(f"{path}:3: not valid YAML")
    path.write_text("\ufeffsite: kløver\r\n", encoding="utf-8")
    assert load_document(path).tree == {"site": "kløver"}


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder and a name that no file can have are errors of the configuration."""
    for path in (tmp_path / "missing.yaml", tmp_path, Path("a\0b")):
        with pytest.raises(ConfigError, match=r"cannot be read|not the name of a file"):
            load_document(path)


def test_file_of_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    """Text in Latin-1 is refused at the line of its first foreign byte."""
    path = tmp_path / "site.yaml"
    path.write_bytes("site: a\nname: Kløvermarken\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"site.yaml:2: not UTF-8 text"):
        load_document(path)


def test_file_that_never_ends_is_refused() -> None:
    """A device file is not read until memory is full."""
    with pytest.raises(ConfigError, match=r"longer than|not text"):
        load_document(Path("/dev/zero"))


def test_line_of_what_is_not_there_is_that_of_its_parent() -> None:
    """A missing key is looked for where it should stand."""
    document = parse_document("site: a\nlinks:\n  - id: x\n    serial: y\n", name="site.yaml")
    assert document.line(("links", 0, "baudrate")) == 3
    assert document.line(("links", 0, "serial")) == 4
    assert document.line(("links", 7, "id")) == 2
    assert document.line(("broker",)) == 1
    assert parse_document("", name="site.yaml").line(("broker", "url")) == 1


def test_span_is_exactly_the_value() -> None:
    """A span starts and ends with its value, without the comment and the space around it."""
    text = "a: 1  # one\nb:\n  - c: 'two'\n    # three\n  - d\n# four\ne: {f: 5, g:  }\nh:   # six\n"
    document = parse_document(text, name="site.yaml")
    spans = {place: text[span.start : span.end] for place, span in document.spans.items()}
    assert spans[("a",)] == "1"
    assert spans[("b",)] == "- c: 'two'\n    # three\n  - d"
    assert spans[("b", 0)] == "c: 'two'"
    assert spans[("b", 0, "c")] == "'two'"
    assert spans[("e",)] == "{f: 5, g:  }"
    assert spans[("e", "g")] == spans[("h",)] == ""
    assert document.spans[("e",)].flow
    assert not document.spans[("b",)].flow


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but ConfigError."""
    try:
        parse_document(text, name="site.yaml")
    except ConfigError as error:
        assert str(error).startswith("site.yaml")  # noqa: PT017 - most texts are read


@given(st.text(alphabet="ab:-?[]{},#&*!|>'\"%@` \t\r\n0.5\u2028\ufeff", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    """No arrangement of YAML's own marks raises anything but ConfigError, and each span lies within the text."""
    try:
        document = parse_document(text, name="site.yaml")
    except ConfigError:
        return
    assert all(0 <= span.start <= span.end <= len(text) for span in document.spans.values())


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content of a file raises anything but ConfigError."""
    path = tmp_path_factory.mktemp("binary") / "site.yaml"
    path.write_bytes(content)
    try:
        assert load_document(path).name == str(path)
    except ConfigError as error:
        assert str(path) in str(error)  # noqa: PT017 - some bytes are read
