"""Paths of rewrites: every row of the syntax, and what a rewrite leaves alone."""

from __future__ import annotations

import copy

import pytest
from support.attributes import request, session

from l7mp_mesh.model.rules import Merge, SetValue
from l7mp_mesh.model.value import FrozenObject, freeze
from l7mp_mesh.ports.attributes import Json, Tree
from l7mp_mesh.ports.tree import get
from l7mp_mesh.routing.rewrite import compile_rewrites, merge, set_value


@pytest.mark.parametrize(
    ("tree", "path", "value", "after"),
    [
        ({}, "/labels/id", 1, {"labels": {"id": 1}}),
        ({}, "labels/id/", 1, {"labels": {"id": 1}}),
        ({"a": 1}, "/", {"b": 2}, {"b": 2}),
        ({"a": 1}, "/", 7, 7),
        ({"a": 1}, "", None, None),
        ({"a": {"b": 1}}, "/a/c", [1], {"a": {"b": 1, "c": [1]}}),
        ({"a": [1, 2]}, "/a/1", 3, {"a": [1, 3]}),
        ({"a": [1]}, "/a/1", 3, {"a": [1, 3]}),
        ({"a": []}, "/a/2", 3, {"a": [None, None, 3]}),
        ({"a": [{}]}, "/a/0/b", 3, {"a": [{"b": 3}]}),
        ({"a": [1]}, "/a/x", 3, {"a": [1]}),
        ({"a": [1]}, "/a/99999999", 3, {"a": [1]}),
        ({}, "/a/0", 3, {"a": {"0": 3}}),
        ({"a": None}, "/a/b", 3, {"a": {"b": 3}}),
        ({"a": "text"}, "/a/b", 3, {"a": {"b": 3}}),
        ({}, "/a~1b", 3, {"a~1b": 3}),
        ({}, "/a//b", 3, {"a": {"b": 3}}),
        (5, "/a", 3, {"a": 3}),
    ],
)
def test_a_value_is_put_at_its_path(tree: Json, path: str, value: Json, after: Json) -> None:
    before = copy.deepcopy(tree)
    assert set_value(tree, path, value) == after
    assert tree == before


@pytest.mark.parametrize(
    ("tree", "patch", "after"),
    [
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_objects_are_merged_and_all_else_replaced(tree: Tree, patch: Tree, after: Tree) -> None:
    before = copy.deepcopy(tree)
    assert merge(tree, patch) == after
    assert tree == before


def test_what_is_put_in_is_a_copy() -> None:
    value: Tree = {"deep": [1]}
    put = set_value({}, "/a", value)
    laid = merge({}, {"a": value})
    value["deep"] = 2
    assert put == laid == {"a": {"deep": [1]}}


def test_an_edit_applies_its_rewrites_in_order() -> None:
    edit = compile_rewrites(
        (
            SetValue("/labels/id", 1),
            Merge(FrozenObject((("labels", FrozenObject((("x", freeze([1])),))),))),
            SetValue("/HTTP/url/path", "/new"),
        )
    )
    assert edit is not None
    attributes = request()
    edit.apply(attributes)
    assert attributes.is_rewritten
    assert attributes.tree["labels"] == {"id": 1, "x": [1]}
    assert get(attributes.tree, "/HTTP/url/path") == "/new"


def test_sessions_do_not_share_what_an_edit_put_in() -> None:
    edit = compile_rewrites((SetValue("/labels", FrozenObject((("ids", freeze([1])),))),))
    assert edit is not None
    one, other = session(), session()
    edit.apply(one)
    edit.apply(other)
    assert one.tree["labels"] == other.tree["labels"]
    assert one.tree["labels"] is not other.tree["labels"]


def test_a_scalar_as_the_whole_tree_leaves_no_field() -> None:
    edit = compile_rewrites((SetValue("/", 7),))
    assert edit is not None
    attributes = session()
    edit.apply(attributes)
    assert attributes.tree == {}


def test_no_rewrites_are_no_edit() -> None:
    assert compile_rewrites(()) is None
