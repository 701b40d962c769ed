"""Envoy bootstraps among configuration files: how they are told from native ones, and what is wrong."""

from __future__ import annotations

from l7mp_mesh.control.native import Source
from l7mp_mesh.model.errors import ConfigError, Problem

WORDS = frozenset({"node", "static_resources", "dynamic_resources"})
"""Top-level fields by which an Envoy bootstrap is told from a native configuration."""


def is_bootstrap(source: Source) -> bool:
    """True for a file that says what only a bootstrap says."""
    return isinstance(source.value, dict) and not WORDS.isdisjoint(source.value)


def find_problems(source: Source) -> tuple[Problem, ...]:
    """What is wrong with a bootstrap: the faults of its text, or the first field that can not be used."""
    # gRPC and protobuf are needed for xDS only.
    from l7mp_mesh.control.xds.bootstrap import read_bootstrap

    if source.faults:
        return source.problems()
    try:
        read_bootstrap(source.value)
    except ConfigError as error:
        return (source.problem(error.path, error.why),)
    return ()
