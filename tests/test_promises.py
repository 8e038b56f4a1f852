"""No promise without a test."""

import re

import pytest

from tests.promises import PAGE, ROOT, Sentence, exists, load_sentences, render

SENTENCES = load_sentences()


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.id)
def test_every_sentence_is_shown_or_open(sentence: Sentence) -> None:
    """Each sentence of a promise names a test or says what is open, and each test that it names is there, once."""
    assert sentence.tests or sentence.open
    assert [test for test in sentence.tests if not exists(test)] == []
    assert len(sentence.tests) == len(set(sentence.tests))


def test_every_promise_has_a_test() -> None:
    """A promise of which nothing is shown is none."""
    shown = {sentence.promise for sentence in SENTENCES if sentence.tests}
    assert shown == {sentence.promise for sentence in SENTENCES}


@pytest.mark.parametrize(
    "node",
    [
        "tests/test_promises.py::test_that_nobody_wrote",
        "tests/no_such_file.py::test_every_promise_has_a_test",
        "tests/promises.py::render",
        "tests/test_promises.py",
    ],
)
def test_a_test_that_is_not_there_is_noticed(node: str) -> None:
    """A file, a function or the form of a name that is wrong counts as no test."""
    assert not exists(node)


def test_every_promise_of_the_architecture_is_here() -> None:
    """The names of the promises in the architecture are those of this list, in the same order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([a-z-]+)` \|", text, flags=re.MULTILINE)
    assert named == list(dict.fromkeys(sentence.promise for sentence in SENTENCES))


def test_ids_are_given_once() -> None:
    """No two sentences share an id."""
    ids = [sentence.id for sentence in SENTENCES]
    assert len(ids) == len(set(ids))


def test_the_page_is_not_stale() -> None:
    """docs/promises.md is what `make promises` writes."""
    assert PAGE.read_text(encoding="utf-8") == render(SENTENCES)
