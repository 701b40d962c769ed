"""From `module:Class` to something that makes stages."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable
from typing import TypeAlias

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.value import FrozenObject, thaw
from l7mp_mesh.pipe.guard import Fault, attempt
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.pipe.verbs import Stage
from l7mp_mesh.ports.attributes import Attributes, Json
from l7mp_mesh.ports.layer import ConnectFailed

log = logging.getLogger("l7mp_mesh.transform")

StageMaker: TypeAlias = Callable[[Attributes], Stage]
"""Makes the stage of one direction of one session."""


def load(target: str, params: FrozenObject = FrozenObject()) -> StageMaker:
    """Import `target` and check that `params` fit its constructor.

    The result raises ConnectFailed(TRANSFORM_FAULT) when the class can not be built for a session. Raises
    ConfigError with the path inside the transform's parameters ("target", "params").
    """
    made = find(target)
    check_arguments(target, made, params)

    def make(attributes: Attributes) -> Stage:
        try:
            return attempt(lambda: build(made, params, attributes))
        except Fault as fault:
            log.exception("transform can not be made", extra={"transform": target})
            raise ConnectFailed(Reason.TRANSFORM_FAULT, f"{target}: {fault}") from fault

    return make


def find(target: str) -> type[Stage]:
    """The class that `target` names. Raises ConfigError."""
    module_name, colon, class_name = target.partition(":")
    if not (module_name and colon and class_name):
        raise ConfigError("target", f"expected 'module:Class', got {target!r}")
    try:
        module = attempt(lambda: importlib.import_module(module_name))
    except Fault as fault:
        raise ConfigError("target", f"can not import {module_name!r}: {fault}") from fault
    found: object = module
    for part in class_name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise ConfigError("target", f"module {module_name!r} has no class {class_name!r}")
    if not issubclass(found, Stage):
        raise ConfigError("target", f"{target!r} is no subclass of l7mp_mesh.pipe.verbs.Stage")
    return found


def check_arguments(target: str, made: type[Stage], params: FrozenObject) -> None:
    """Raises ConfigError when `params` are not what the constructor takes."""
    try:
        inspect.signature(made).bind(**dict(params.items))
    except TypeError as error:
        raise ConfigError("params", f"do not fit the constructor of {target!r}: {error}") from error


def build(made: type[Stage], params: FrozenObject, attributes: Attributes) -> Stage:
    """One stage, bound to its session, with parameters that are its own to change."""
    arguments: dict[str, Json] = {name: thaw(value) for name, value in params.items}
    stage = made(**arguments)
    bind: object = getattr(stage, "bind", None)
    if callable(bind):
        bind(attributes)
    return stage
