from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.pipe import Recorder

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.value import FrozenObject, freeze
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.attributes import Attributes, Json, Peer
from l7mp_mesh.ports.layer import ConnectFailed
from l7mp_mesh.transforms import load

SOURCE = """
from l7mp_mesh.pipe.verbs import Stage

class Shout(Stage):
    def __init__(self, mark="!", parts=()):
        super().__init__()
        self.mark = mark.encode()
        self.parts = parts
        self.listener = ""

    def bind(self, attributes):
        self.listener = attributes.listener

    def data(self, chunk, flags):
        self.next.data(chunk.upper() + self.mark + self.listener.encode(), flags)

class Outer:
    class Inner(Stage):
        pass

class Fails(Stage):
    def __init__(self):
        raise KeyError("no luck")

class NoStage:
    pass

value = 3
"""

ATTRIBUTES = Attributes("front", "TCP", Peer("TCP", "10.0.0.1", 1, "10.0.0.2", 2), -1)


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shouting_plugin.py").write_text(SOURCE)
    (tmp_path / "broken_plugin.py").write_text("1 / 0\n")
    (tmp_path / "unreadable_plugin.py").write_text("class :\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("shouting_plugin", "broken_plugin", "unreadable_plugin"):
        sys.modules.pop(name, None)


def params(value: dict[str, Json]) -> FrozenObject:
    frozen = freeze(value)
    assert isinstance(frozen, FrozenObject)
    return frozen


def test_a_class_is_made_per_session_with_its_parameters_and_attributes() -> None:
    make = load("shouting_plugin:Shout", params({"mark": "?", "parts": [1, {"a": 2}]}))
    one, two, out = make(ATTRIBUTES), make(ATTRIBUTES), Recorder()
    assert one is not two
    one.next = out
    one.data(b"hi", 1)
    assert out.log == [b"HI?front"]
    assert out.flags == [1]


def test_a_nested_class_can_be_named() -> None:
    assert type(load("shouting_plugin:Outer.Inner")(ATTRIBUTES)).__name__ == "Inner"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("shouting_plugin", "expected 'module:Class'"),
        (":Shout", "expected 'module:Class'"),
        ("shouting_plugin:", "expected 'module:Class'"),
        ("no_such_module_here:X", "can not import"),
        ("..relative:X", "can not import"),
        ("broken_plugin:X", "ZeroDivisionError"),
        ("unreadable_plugin:X", "SyntaxError"),
        ("shouting_plugin:Missing", "has no class"),
        ("shouting_plugin:value", "has no class"),
        ("shouting_plugin:NoStage", "no subclass"),
    ],
)
def test_a_target_that_can_not_be_used_says_why(target: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        load(target)
    assert caught.value.path == "target"


def test_parameters_that_do_not_fit_are_named() -> None:
    with pytest.raises(ConfigError, match="volume") as caught:
        load("shouting_plugin:Shout", params({"volume": 11}))
    assert caught.value.path == "params"


def test_a_class_that_can_not_be_built_fails_the_session_only() -> None:
    make = load("shouting_plugin:Fails")
    with pytest.raises(ConnectFailed, match="no luck") as caught:
        make(ATTRIBUTES)
    assert caught.value.reason is Reason.TRANSFORM_FAULT


def test_built_in_stages_can_be_named_like_any_other() -> None:
    stage = load("l7mp_mesh.protocols.inline.json_encap:JsonEncap")(ATTRIBUTES)
    out = Recorder()
    stage.next = out
    stage.data(b"x", 0)
    assert b'"src_addr":"10.0.0.1"' in out.body
