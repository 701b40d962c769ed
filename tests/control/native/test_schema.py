"""The JSON Schema for editors says the same as the decoder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from support.native import configurations
from support.vocabulary import VOCABULARY

from l7mp_mesh.control.native import encode_config, parse, schema
from l7mp_mesh.model.snapshot import Key, Object

SCHEMA = schema(VOCABULARY)
CHECK = Draft202012Validator(SCHEMA)
HERE = Path(__file__).parent


def errors(text: str) -> list[str]:
    return [error.message for error in CHECK.iter_errors(parse(text).value)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ["example2.yaml", "seed3.yaml"])
def test_examples_are_valid(name: str) -> None:
    assert errors((HERE / name).read_text()) == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(configurations())
def test_whatever_is_encoded_is_valid(objects: dict[Key, Object]) -> None:
    assert [error.message for error in CHECK.iter_errors(encode_config(objects, VOCABULARY))] == []


@pytest.mark.parametrize(
    "text",
    [
        "listener: []",
        "admin: {log_level: loud}",
        "listeners: [{name: l, rules: []}]",
        "listeners: [{spec: {protocol: TCP, port: 1}, rules: []}]",
        "listeners: [{name: l, spec: {protocol: TCP}, rules: []}]",
        "listeners: [{name: l, spec: {protocol: Echo}, rules: []}]",
        "listeners: [{name: l, spec: {protocol: TCP, port: 65536}, rules: []}]",
        "listeners: [{name: l, spec: {protocol: TCP, port: 1, prot: 2}, rules: []}]",
        "listeners: [{name: l, spec: {protocol: ws, port: x}, rules: []}]",
        "listeners: [{name: l, spec: {protocol: TCP, port: 1}, rules: 5}]",
        "clusters: [{name: a b, spec: {protocol: Echo}}]",
        "clusters: [{name: c, spec: {protocol: TCP}, endpoints: [{spec: {}}]}]",
        "clusters: [{name: c, spec: {protocol: TCP}, loadbalancer: {policy: Best}}]",
        "rules: [{name: r}]",
        "rules: [{name: r, match: {op: like}, action: {}}]",
        "rules: [{name: r, match: {op: and}, action: {}}]",
        "rules: [{name: r, action: {rewrite: [{path: /a}]}}]",
        "routes: [{name: r}]",
        "routes: [{name: r, destination: []}]",
        "routes: [{name: r, destination: c, retry: {retry_on: maybe}}]",
    ],
)
def test_mistakes_are_refused(text: str) -> None:
    assert errors(text) != []


def test_options_carry_their_documentation() -> None:
    assert '"Port to bind."' in str(SCHEMA).replace("'", '"')
