"""What decoding has in hand: the words, the report, the objects made so far and what they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from l7mp_mesh.control.native.names import Names
from l7mp_mesh.control.native.node import Path
from l7mp_mesh.control.native.reader import Cursor, Fields, Report
from l7mp_mesh.control.native.vocabulary import Vocabulary
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.snapshot import Key, Kind, Object, key_of
from l7mp_mesh.model.value import Json

WORD = {
    Kind.ADMIN: "Admin",
    Kind.LISTENER: "Listener",
    Kind.CLUSTER: "Cluster",
    Kind.ENDPOINTS: "EndPoint",
    Kind.RULELIST: "RuleList",
    Kind.RULE: "Rule",
    Kind.ROUTE: "Route",
    Kind.TRANSFORM: "Transform",
}
"""L7mp's names of types, as they stand in generated names and messages."""


@dataclass(frozen=True, slots=True)
class Use:
    """At `path` stands a name; one of `candidates` should exist."""

    path: Path
    candidates: tuple[Key, ...]


class Scope:
    """One decoding; names made here keep clear of those of `existing`."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        report: Report,
        names: Names,
        existing: Mapping[Key, Object],
        root: Json,
    ) -> None:
        self.vocabulary = vocabulary
        self.report = report
        self.objects: dict[Key, Object] = {}
        self.origins: dict[Key, Path] = {}
        """Where each object, good or bad, stands."""
        self.uses: list[Use] = []
        self.endpoints: set[str] = set()
        """Names of endpoints: one name space for all clusters."""
        self._names = names
        self._existing = existing
        self._spoken = _names_in(root)

    def name(self, kind: Kind, fields: Fields, owner: str | None, label: str = "") -> str | None:
        """The name of the object in `fields`, claimed; made up from `owner` if it has none and may.

        `label` comes between owner and type ("ingress-"). None when a problem was reported.
        """
        given = fields.take("name")
        if given is None and owner is None:
            fields.require("name")
            return None
        if given is not None:
            name = given.name()
        else:
            name = self._names.make(f"{owner}{label}", WORD[kind], lambda word: self._is_taken(kind, word))
        if name is not None:
            self.claim(Key(kind, name), given or fields.cursor)
        return name

    def claim(self, key: Key, at: Cursor) -> None:
        """Note where `key` is defined; a second definition is a problem."""
        if key in self.origins:
            at.report.error(at.path, f'{WORD[key.kind]} "{key.name}" already defined')
            return
        self.origins[key] = at.path

    def endpoint_name(self, fields: Fields, cluster: str) -> str | None:
        """The name of an endpoint: endpoints are no objects of their own, but share one name space."""
        given = fields.take("name")
        if given is None:
            name: str | None = self._names.make(cluster, WORD[Kind.ENDPOINTS], self._is_endpoint)
        else:
            name = given.name()
        if given is not None and (name in self.endpoints or name in self._others):
            given.report.error(given.path, f'EndPoint "{name}" already defined')
            return None
        if name is not None:
            self.endpoints.add(name)
        return name

    def put(self, value: Object) -> None:
        """Take a decoded object; the first one under a name stays."""
        self.objects.setdefault(key_of(value), value)

    def refer(self, at: Cursor, *candidates: Key) -> None:
        """Note that `at` names one of `candidates`."""
        self.uses.append(Use(at.path, candidates))

    @cached_property
    def _others(self) -> frozenset[str]:
        """Names of existing endpoints."""
        sets = (value for value in self._existing.values() if isinstance(value, EndpointSet))
        return frozenset(endpoint.name for one in sets for endpoint in one.endpoints)

    def _is_endpoint(self, name: str) -> bool:
        return name in self.endpoints or name in self._spoken or name in self._others

    def _is_taken(self, kind: Kind, name: str) -> bool:
        key = Key(kind, name)
        return name in self._spoken or key in self.origins or key in self._existing


def _names_in(root: Json) -> frozenset[str]:
    found: set[str] = set()
    todo: list[Json] = [root]
    seen: set[int] = set()
    while todo:
        value = todo.pop()
        if isinstance(value, dict | list):
            if id(value) in seen:
                continue
            seen.add(id(value))
            todo.extend(value.values() if isinstance(value, dict) else value)
        if isinstance(value, dict) and isinstance(name := value.get("name"), str):
            found.add(name)
    return frozenset(found)
