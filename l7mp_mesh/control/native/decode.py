"""Native configuration to model objects: whole files, and the bodies of REST requests.

Nothing here raises for bad input: what is wrong comes back as problems, all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from l7mp_mesh.control.native.admin import decode_admin
from l7mp_mesh.control.native.check import check_loops, check_names
from l7mp_mesh.control.native.cluster import decode_cluster, decode_endpoint, decode_endpoint_set
from l7mp_mesh.control.native.listener import decode_listener
from l7mp_mesh.control.native.names import Names
from l7mp_mesh.control.native.reader import Cursor, Report
from l7mp_mesh.control.native.route import decode_route
from l7mp_mesh.control.native.rules import decode_rule, decode_rulelist
from l7mp_mesh.control.native.scope import Scope
from l7mp_mesh.control.native.source import Source
from l7mp_mesh.control.native.transform import decode_transform
from l7mp_mesh.control.native.vocabulary import Vocabulary
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.errors import Problem
from l7mp_mesh.model.snapshot import ADMIN_KEY, Key, Kind, Object
from l7mp_mesh.model.value import Json

_Read: TypeAlias = Callable[[Scope, Cursor], object]

SECTIONS: Mapping[str, _Read] = {
    "clusters": decode_cluster,
    "endpoints": decode_endpoint_set,
    "transforms": decode_transform,
    "listeners": decode_listener,
    "rulelists": decode_rulelist,
    "rules": decode_rule,
    "routes": decode_route,
}
"""Sections of a file, in the order in which their objects are created."""

BODY_WORD = {kind: kind.value for kind in Kind} | {Kind.ENDPOINTS: "endpoint"}
"""The member of a request body that holds the object."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a text says."""

    objects: Mapping[Key, Object]
    """Good objects, in the order of their creation."""
    problems: tuple[Problem, ...]
    """Errors and warnings, by position."""
    main: Key | None = None
    """The object that a request body is about; those written inside it are in `objects` too."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems for which the text must be refused."""
        return tuple(problem for problem in self.problems if not problem.is_warning)


class Decoder:
    """Reads with one vocabulary; generated names come from `names`.

    `existing` are the objects of others: generated names keep clear of theirs, endpoints may not be called
    like theirs, and names found there do not dangle.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        names: Names | None = None,
        existing: Mapping[Key, Object] | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._names = Names() if names is None else names
        self._existing: Mapping[Key, Object] = {} if existing is None else existing
        self._strict = strict

    def part(self, source: Source) -> Decoded:
        """A file that may name objects of other files: names are not looked up."""
        scope = self._file(source)
        return Decoded(scope.objects, scope.report.problems())

    def config(self, source: Source) -> Decoded:
        """A whole configuration: dangling names are doubtful, loops of rule lists are errors."""
        scope = self._file(source)
        check_names(scope, self._existing)
        check_loops(scope)
        return Decoded(scope.objects, scope.report.problems())

    def body(self, kind: Kind, source: Source, *, owner: str | None = None, name: str = "") -> Decoded:
        """A request body: `{"listener": {...}}`, `{"rule": {...} | "name"}` and so on.

        `owner` is the rule list of a rule, the cluster of an endpoint (required there; the result holds an
        EndpointSet of that name with the one new endpoint), or a session's name for its route: the object
        then needs no name, and a rule or route may be named instead of given. `name` stands in for an
        absent one.
        """
        scope, root = self._begin(source)
        fields = None if source.faults else root.fields()
        word = BODY_WORD[kind]
        cursor = None if fields is None else fields.require(word)
        if fields is not None:
            fields.finish()
        main = None
        if cursor is not None:
            if name and isinstance(cursor.value, dict) and cursor.value.get("name") is None:
                cursor = Cursor({**cursor.value, "name": name}, cursor.path, cursor.report)
            main = _body(scope, kind, cursor, owner)
        return Decoded(scope.objects, scope.report.problems(), main)

    def _begin(self, source: Source) -> tuple[Scope, Cursor]:
        report = Report(source, strict=self._strict or _is_strict(source.value))
        scope = Scope(self._vocabulary, report, self._names, self._existing, source.value)
        return scope, Cursor(source.value, (), report)

    def _file(self, source: Source) -> Scope:
        scope, root = self._begin(source)
        # A text that could not be read to its end would only yield follow-up problems.
        fields = None if source.faults else root.fields()
        if fields is None:
            return scope
        admin = fields.take("admin")
        if admin is not None:
            decode_admin(scope, admin)
        for word, read in SECTIONS.items():
            section = fields.take(word)
            for item in (None if section is None else section.items()) or []:
                read(scope, item)
        served = fields.take("resources")
        if served is not None:
            why = "a file of Envoy resources is served by xds-server; expected native objects"
            scope.report.error(served.path, why, key=True)
        fields.finish()
        return scope


def _is_strict(value: Json) -> bool:
    admin = value.get("admin") if isinstance(value, dict) else None
    return isinstance(admin, dict) and admin.get("strict") is True


def _body(scope: Scope, kind: Kind, cursor: Cursor, owner: str | None) -> Key | None:
    if owner is not None and kind in (Kind.RULE, Kind.ROUTE) and isinstance(cursor.value, str):
        name = cursor.name()
        return None if name is None else Key(kind, name)
    if kind is Kind.ADMIN:
        decode_admin(scope, cursor)
        return ADMIN_KEY
    if kind is Kind.ENDPOINTS:
        assert owner is not None, "an endpoint belongs to a cluster"
        endpoint = decode_endpoint(scope, cursor, owner)
        if endpoint is not None:
            scope.put(EndpointSet(owner, (endpoint,)))
        return Key(kind, owner)
    if kind is Kind.RULE:
        made = decode_rule(scope, cursor, owner)
    elif kind is Kind.ROUTE:
        made = decode_route(scope, cursor, owner)
    else:
        made = _NAMED[kind](scope, cursor)
    return None if made is None else Key(kind, made)


_NAMED: Mapping[Kind, Callable[[Scope, Cursor], str | None]] = {
    Kind.LISTENER: decode_listener,
    Kind.CLUSTER: decode_cluster,
    Kind.RULELIST: decode_rulelist,
    Kind.TRANSFORM: decode_transform,
}
