from __future__ import annotations

import pytest

from l7mp_mesh.pipe.headers import Headers

FIELDS = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]


def made() -> Headers:
    return Headers(list(FIELDS))


def test_order_and_duplicates_are_kept() -> None:
    assert list(made()) == FIELDS
    assert len(made()) == 3


def test_get_takes_the_first_of_a_name_and_get_all_every_one() -> None:
    assert made().get(b"a") == b"1"
    assert made().get_all(b"a") == [b"1", b"3"]
    assert made().get(b"c") is None
    assert made().get_all(b"c") == []


def test_set_replaces_in_place_and_leaves_one() -> None:
    headers = made()
    headers.set(b"a", b"9")
    assert headers.fields == [(b"a", b"9"), (b"b", b"2")]


def test_set_of_a_new_name_appends() -> None:
    headers = made()
    headers.set(b"c", b"4")
    headers.append(b"c", b"5")
    assert headers.get_all(b"c") == [b"4", b"5"]
    assert headers.fields[:3] == FIELDS


def test_remove_takes_every_field_and_none_is_fine() -> None:
    headers = made()
    headers.remove(b"a")
    headers.remove(b"z")
    assert headers.fields == [(b"b", b"2")]


def test_a_copy_is_a_list_of_its_own() -> None:
    headers = made()
    other = headers.copy()
    other.append(b"c", b"4")
    assert headers == made()
    assert other != headers


def test_membership_is_by_name() -> None:
    assert b"a" in made()
    assert b"c" not in made()


def test_headers_can_change_and_so_have_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(made())
