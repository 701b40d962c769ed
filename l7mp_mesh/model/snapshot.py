"""The configuration in force: immutable, by kind and name, with its cross references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from l7mp_mesh.model.admin import Admin
from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.rules import Route, Rule, RuleList
from l7mp_mesh.model.transform import Remote, Transform

Object: TypeAlias = Admin | Listener | Cluster | EndpointSet | RuleList | Rule | Route | Transform


class Kind(Enum):
    """Kinds of objects; the value is the word in messages and paths."""

    ADMIN = "admin"
    LISTENER = "listener"
    CLUSTER = "cluster"
    ENDPOINTS = "endpoints"
    RULELIST = "rulelist"
    RULE = "rule"
    ROUTE = "route"
    TRANSFORM = "transform"


class Key(NamedTuple):
    """Identity of an object: names are unique per kind."""

    kind: Kind
    name: str


ADMIN_KEY = Key(Kind.ADMIN, "admin")

KIND_OF: Mapping[type, Kind] = MappingProxyType(
    {
        Admin: Kind.ADMIN,
        Listener: Kind.LISTENER,
        Cluster: Kind.CLUSTER,
        EndpointSet: Kind.ENDPOINTS,
        RuleList: Kind.RULELIST,
        Rule: Kind.RULE,
        Route: Kind.ROUTE,
        Transform: Kind.TRANSFORM,
    }
)


def key_of(value: Object) -> Key:
    """The key of an object."""
    return ADMIN_KEY if isinstance(value, Admin) else Key(KIND_OF[type(value)], value.name)


@dataclass(frozen=True, slots=True)
class Reference:
    """`path` of an object names something; one of `candidates` should exist."""

    path: str
    candidates: tuple[Key, ...]


def references(value: Object) -> Iterator[Reference]:
    """Everything an object names. Routes name transforms, or clusters in a transform's place."""
    match value:
        case Listener():
            yield Reference("rules", (Key(Kind.RULELIST, value.rules),))
        case RuleList():
            for index, rule in enumerate(value.rules):
                yield Reference(f"rules[{index}]", (Key(Kind.RULE, rule),))
        case Rule():
            if value.apply is not None:
                yield Reference("action.apply", (Key(Kind.RULELIST, value.apply),))
            if value.route is not None:
                yield Reference("action.route", (Key(Kind.ROUTE, value.route),))
        case Route():
            yield from _route_references(value)
        case Transform(use=Remote(cluster=cluster)):
            yield Reference("params.cluster", (Key(Kind.CLUSTER, cluster),))
        case _:
            return


def _route_references(route: Route) -> Iterator[Reference]:
    for target in route.targets:
        yield Reference("destination", (Key(Kind.CLUSTER, target.cluster),))
    for word, chain in (("ingress", route.ingress), ("egress", route.egress)):
        for index, name in enumerate(chain):
            yield Reference(f"{word}[{index}]", (Key(Kind.TRANSFORM, name), Key(Kind.CLUSTER, name)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects in force; `objects` keep the order of their creation."""

    version: int = 0
    objects: Mapping[Key, Object] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, kind: Kind) -> Iterator[Object]:
        """The objects of one kind, in creation order."""
        for key, value in self.objects.items():
            if key.kind is kind:
                yield value

    def dangling(self) -> Iterator[tuple[Key, Reference]]:
        """Names that nothing answers to: legal, since names are late-bound, but worth a warning."""
        for key, value in self.objects.items():
            for reference in references(value):
                if not any(candidate in self.objects for candidate in reference.candidates):
                    yield key, reference

    def loop(self) -> tuple[str, ...] | None:
        """Names of rule lists that apply each other in a circle (first one repeated last), or None."""
        following: dict[str, list[str]] = {}
        for key, value in self.objects.items():
            if isinstance(value, RuleList):
                rules = (self.objects.get(Key(Kind.RULE, name)) for name in value.rules)
                following[key.name] = [
                    rule.apply for rule in rules if isinstance(rule, Rule) and rule.apply is not None
                ]
        return _find_loop(following)


def _find_loop(following: Mapping[str, list[str]]) -> tuple[str, ...] | None:
    done: set[str] = set()
    for start in following:
        trail: list[str] = []
        todo: list[tuple[str, bool]] = [(start, False)]
        while todo:
            name, leaving = todo.pop()
            if leaving:
                done.add(trail.pop())
                continue
            if name in trail:
                return (*trail[trail.index(name) :], name)
            if name in done:
                continue
            trail.append(name)
            todo.append((name, True))
            todo.extend((target, False) for target in following.get(name, ()))
    return None
