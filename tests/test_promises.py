"""No promise without a test."""

import re

import pytest

from tests.promises import PAGE, ROOT, Sentence, exists, load_sentences, render

SENTENCES = load_sentences()


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.id)
def test_every_sentence_has_tests_that_exist(sentence: Sentence) -> None:
    """Each sentence of a promise names at least one test, and each test that it names is there."""
    assert sentence.tests
    assert [test for test in sentence.tests if not exists(test)] == []


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
    """docs/promises.md is what `python -m tests.promises` writes."""
    assert PAGE.read_text(encoding="utf-8") == render(SENTENCES)
