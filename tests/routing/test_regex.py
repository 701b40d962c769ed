"""Regular expressions on text that clients choose."""

from __future__ import annotations

import pytest

from l7mp_mesh.routing.regex import BadRegex, Regex


@pytest.mark.timeout(5)
@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*b", "(a?){100}a{100}$"])
def test_no_text_takes_more_than_linear_time(pattern: str) -> None:
    text = "a" * 60_000 + "!"
    assert not Regex(pattern).is_in(text)
    assert not Regex(pattern).covers(text)


def test_case_is_ignored_where_it_is_asked_for() -> None:
    assert Regex("É+", ignore_case=True).covers("éÉ")
    assert not Regex("É+").is_in("é")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing ): ("),
        ("a{2000}", "invalid repetition size: {2000}"),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("(?<=a)b", "invalid perl operator: (?<"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_what_re2_does_not_take_is_refused_with_its_reason(pattern: str, why: str) -> None:
    with pytest.raises(BadRegex) as caught:
        Regex(pattern)
    assert caught.value.why.startswith(why)
