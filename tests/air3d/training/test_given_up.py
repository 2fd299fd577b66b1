"""An identity that is predicted no more, where it was before, is given up; what nobody ever saw is not."""

from __future__ import annotations

import pytest

from air3d.training.given_up import given_up, highest_shares

NAMES = ("plate", "bowl", "mug", "saucepan")
EVEN = [(50, 200)] * 4


@pytest.mark.parametrize(
    ("now", "highest", "answer"),
    [
        ([50, 50, 50, 50], EVEN, None),
        ([70, 70, 60, 0], EVEN, "saucepan is given up (0 of 200 predicted objects, 50 of 200 before)"),
        ([66, 66, 10, 58], EVEN, "mug is given up (10 of 200 predicted objects, 50 of 200 before)"),
        ([90, 90, 5, 15], EVEN, "mug is given up (5 of 200 predicted objects, 50 of 200 before)"),  # the worse of two
        ([60, 60, 52, 28], EVEN, None),  # more than half of it is left
        ([100, 0, 0, 0], [(200, 200), (0, 200), (0, 200), (0, 200)], None),  # never seen: the folder may show none
        ([50, 50, 50, 50], [(140, 200), (20, 200), (20, 200), (20, 200)], None),  # everything was a plate at first
        (
            [4, 66, 65, 65],
            [(140, 200), (20, 200), (20, 200), (20, 200)],
            "plate is given up (4 of 200",
        ),
        ([180, 20, 0, 0], [(180, 200), (20, 200), (3, 200), (0, 200)], None),  # a rare one, by accident
        ([10, 10, 10, 0], [(8, 30), (7, 30), (8, 30), (7, 30)], None),  # too few to tell
        ([7, 7, 5, 0], EVEN, "hardly any object is detected any more (19 objects, 200 before)"),
        ([0, 0, 0, 0], EVEN, "hardly any object is detected any more (0 objects, 200 before)"),
        ([0, 0, 0, 0], [], None),  # nothing was found before either
        ([200, 0, 0, 0], [], None),
    ],
)
def test_what_is_given_up_is_named(now: list[int], highest: list[tuple[int, int]], answer: str | None) -> None:
    said = given_up(now, highest, NAMES)
    assert said is None if answer is None else said is not None and said.startswith(answer)


def test_one_kind_of_object_alone_is_never_given_up() -> None:
    assert given_up([150], [(200, 200)], ("mug",)) is None


def test_the_highest_shares_are_kept() -> None:
    first = highest_shares([10, 20, 30, 40], [])
    assert first == [(10, 100), (20, 100), (30, 100), (40, 100)]
    assert highest_shares([20, 20, 5, 5], first) == [(20, 50), (20, 50), (30, 100), (40, 100)]
    assert highest_shares([5, 0, 0, 0], first) == first, "five predictions say nothing"
    assert highest_shares([5, 0, 0, 0], []) == []
