from gateway.core.notices import Notices, Tidings


def test_lasting_trouble_is_said_once_and_then_seldom() -> None:
    """The first failure is said, its repetitions are counted and said after the repeat time."""
    notices = Notices(repeat_s=600)
    assert notices.failed("meter", "no answer", now_s=0) == "no answer"
    assert [notices.failed("meter", "no answer", now_s=second) for second in (1, 2, 599)] == [None, None, None]
    assert notices.failed("meter", "no answer", now_s=600) == "no answer (3 more since the last message)"
    assert notices.failed("meter", "no answer", now_s=1200) == "no answer"


def test_changed_trouble_is_said_but_never_floods() -> None:
    """A new text about the same subject is said after the shorter time only."""
    notices = Notices(repeat_s=600, change_s=10)
    notices.failed("meter", "no answer", now_s=0)
    assert notices.failed("meter", "refused", now_s=5) is None
    assert notices.failed("meter", "refused", now_s=10) == "refused (1 more since the last message)"


def test_different_troubles_of_one_subject_are_each_said() -> None:
    """So many texts as allowed are said at once, the next when the time is over; none is said twice meanwhile."""
    notices = Notices(change_s=60)
    told = [
        notices.failed("store", text, now_s=second, texts=3)
        for second, text in enumerate(["503", "429", "503", "cut", "x"])
    ]
    assert told == ["503", "429", None, "cut (1 more since the last message)", None]
    assert notices.failed("store", "x", now_s=60, texts=3) == "x (1 more since the last message)"
    assert notices.failed("store", "503", now_s=61, texts=3) is None


def test_recovery_is_said_once() -> None:
    """Recovery counts only after trouble, and the next failure is news again."""
    notices = Notices()
    assert not notices.recovered("meter")
    notices.failed("meter", "no answer", now_s=0)
    assert notices.recovered("meter")
    assert not notices.recovered("meter")
    assert notices.failed("meter", "no answer", now_s=10) == "no answer"


def test_trouble_that_comes_and_goes_does_not_flood() -> None:
    """A subject that fails and recovers all the time is said once in a while, with as many recoveries as failures."""
    notices = Notices(change_s=10)
    said = [
        (notices.failed("meter", "no answer", now_s=second) is not None, notices.recovered("meter"))
        for second in range(30)
    ]
    assert [second for second in range(30) if said[second] == (True, True)] == [0, 10, 20]
    assert all(pair in {(True, True), (False, False)} for pair in said)


def test_subjects_are_bounded() -> None:
    """The subject that was quiet longest is forgotten for a new one."""
    notices = Notices(capacity=2)
    for subject, second in (("a", 0), ("b", 1), ("a", 2), ("c", 3)):
        notices.failed(subject, "trouble", now_s=second)
    assert notices.failed("b", "trouble", now_s=4) == "trouble"
    assert notices.failed("c", "trouble", now_s=5) is None


def test_a_new_kind_of_trouble_is_told_at_once_and_more_of_it_seldom() -> None:
    """Counters are due when one leaves 0, when the time is over and they changed, and not otherwise."""
    tidings = Tidings(repeat_s=60)
    tidings.told({"late": 0}, now_s=0)
    assert not tidings.is_due({"late": 0}, now_s=1000)
    assert tidings.is_due({"late": 1}, now_s=1)
    tidings.told({"late": 1}, now_s=1)
    assert [tidings.is_due({"late": 2}, now_s=second) for second in (2, 60, 61)] == [False, False, True]
    assert tidings.is_due({"late": 1, "foreign": 1}, now_s=2)
