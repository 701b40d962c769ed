"""What is encoded decodes to the same objects, as a value, as JSON and as YAML."""

from __future__ import annotations

import json

import yaml
from hypothesis import HealthCheck, given, settings
from support.native import configurations
from support.vocabulary import VOCABULARY

from l7mp_mesh.control.native import Decoded, Decoder, Format, Source, encode_config, parse, parsed
from l7mp_mesh.model.admin import Admin
from l7mp_mesh.model.rules import Rule
from l7mp_mesh.model.snapshot import Key, Kind, Object

SLOW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


class Quoting(yaml.SafeDumper):
    """Quotes every string: PyYAML leaves some bare that YAML 1.2 reads as numbers ("0E0")."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


Quoting.add_representer(str, _quoted)


def decode(source: Source) -> Decoded:
    return Decoder(VOCABULARY).part(source)


@SLOW
@given(configurations())
def test_objects_survive_being_encoded(objects: dict[Key, Object]) -> None:
    value = encode_config(objects, VOCABULARY)
    decoded = decode(parsed(value))
    assert [str(problem) for problem in decoded.problems] == []
    assert decoded.objects == objects
    for kind in Kind:
        assert [key for key in decoded.objects if key.kind is kind] == [
            key for key in objects if key.kind is kind
        ]


@SLOW
@given(configurations())
def test_objects_survive_as_text(objects: dict[Key, Object]) -> None:
    value = encode_config(objects, VOCABULARY)
    assert decode(parse(json.dumps(value), form=Format.JSON)).objects == objects
    assert decode(parse(yaml.dump(value, Dumper=Quoting, sort_keys=False))).objects == objects


@SLOW
@given(configurations())
def test_words_are_echoed_as_they_were_written(objects: dict[Key, Object]) -> None:
    value = encode_config(objects, VOCABULARY)
    decoded = decode(parsed(value)).objects
    assert encode_config(decoded, VOCABULARY) == value
    for one in decoded.values():
        if isinstance(one, Rule):
            assert one.match_spelled is not None
    canonical = encode_config(objects, VOCABULARY, spelled=False)
    assert {key for key in decode(parsed(canonical)).objects} == set(objects)  # noqa: C416


def test_admin_is_encoded_with_its_levels_word() -> None:
    assert encode_config({Key(Kind.ADMIN, "admin"): Admin()}, VOCABULARY) == {
        "admin": {"log_level": "info", "log_file": "stderr", "strict": False}
    }
