import pytest

from tests.mutants.trial import ROOT, load_mutants, simulated, try_mutant
from tests.promises import exists
from tests.simulation.verdict import INVARIANTS

MUTANTS = load_mutants()
FAST = ("spool-freed-on-acknowledgement", "receipt-before-store", "gap-forgotten", "late-answer-accepted")


def test_there_are_thirty_and_each_names_who_catches_it() -> None:
    """A mutant names an invariant or a test that exists, and no two have one name."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
    for mutant in MUTANTS:
        assert mutant.caught_by in INVARIANTS if mutant.is_simulated else exists(mutant.caught_by)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_the_place_of_a_mutant_is_there(mutant: object) -> None:
    """A change of the source that takes a mutant's place away is noticed at once."""
    found = next(each for each in MUTANTS if each is mutant)
    text = (ROOT / found.file).read_text(encoding="utf-8")
    assert found.applied(text) != text


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FAST)
def test_a_mutant_is_caught(name: str) -> None:
    """Who is to catch the mutant does, and without the fault in the source nothing is broken."""
    mutant = next(each for each in MUTANTS if each.name == name)
    trial = try_mutant(mutant)
    assert trial.is_caught, trial.evidence
    assert simulated(mutant, ROOT) == {}
