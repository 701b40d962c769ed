"""Objects in force as the control API shows them: names, or recursively the objects themselves."""

from __future__ import annotations

from l7mp_mesh.control.native.cluster import encode_endpoint
from l7mp_mesh.control.native.encode import encode
from l7mp_mesh.control.native.vocabulary import Vocabulary
from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.rules import Route, Rule, RuleList
from l7mp_mesh.model.snapshot import Key, Kind, Object, Snapshot
from l7mp_mesh.model.value import Json


class Dump:
    """Shows objects of one snapshot."""

    def __init__(self, snapshot: Snapshot, vocabulary: Vocabulary, *, recursive: bool = False) -> None:
        self._snapshot = snapshot
        self._vocabulary = vocabulary
        self._recursive = recursive

    def one(self, key: Key) -> Json:
        """An object; the endpoints of a set as a list. `"<name>:<STALE>"` if there is none."""
        value = self._snapshot.objects.get(key)
        if value is None:
            return f"{key.name}:<STALE>"
        return self._object(value)

    def all(self, kind: Kind) -> list[Json]:
        """The objects of a kind in creation order; endpoints of all clusters in one list."""
        shown = [self._object(value) for value in self._snapshot.of(kind)]
        if kind is Kind.ENDPOINTS:
            return [endpoint for endpoints in shown if isinstance(endpoints, list) for endpoint in endpoints]
        return shown

    def endpoint(self, name: str) -> Json:
        """The endpoint of that name, None if there is none."""
        for value in self._snapshot.of(Kind.ENDPOINTS):
            assert isinstance(value, EndpointSet)
            for endpoint in value.endpoints:
                if endpoint.name == name:
                    return dict(encode_endpoint(endpoint))
        return None

    def _object(self, value: Object) -> Json:
        if isinstance(value, EndpointSet):
            return [dict(encode_endpoint(one)) for one in value.endpoints]
        made = encode(value)
        if isinstance(spec := made.get("spec"), dict):
            made["spec"] = self._vocabulary.echo(spec)
        match value:
            case Cluster():
                made["endpoints"] = self._endpoints(value)
            case Listener() if self._recursive:
                made["rules"] = self._rules_of(value.rules)
            case RuleList() if self._recursive:
                made["rules"] = self._rules(value)
            case Rule() if self._recursive:
                self._follow_route(made, value)
            case Route() if self._recursive:
                self._follow_clusters(made)
            case _:
                pass
        return dict(made)

    def _endpoints(self, cluster: Cluster) -> Json:
        found = self._snapshot.objects.get(Key(Kind.ENDPOINTS, cluster.endpoints or cluster.name))
        endpoints = found.endpoints if isinstance(found, EndpointSet) else ()
        if not self._recursive:
            return len(endpoints)
        if self._vocabulary.is_virtual(cluster.protocol.name):
            return [{"name": cluster.name, "spec": {"address": "<VIRTUAL>"}}]
        return [dict(encode_endpoint(one)) for one in endpoints]

    def _rules_of(self, name: str) -> Json:
        found = self._snapshot.objects.get(Key(Kind.RULELIST, name))
        return self._rules(found) if isinstance(found, RuleList) else f"{name}:<STALE>"

    def _rules(self, rulelist: RuleList) -> Json:
        return [self.one(Key(Kind.RULE, name)) for name in rulelist.rules]

    def _follow_route(self, made: dict[str, Json], rule: Rule) -> None:
        action = made["action"]
        if isinstance(action, dict) and rule.route is not None:
            action["route"] = self.one(Key(Kind.ROUTE, rule.route))

    def _follow_clusters(self, made: dict[str, Json]) -> None:
        made["destination"] = self._follow_target(made["destination"])
        for word in ("ingress", "egress"):
            chain = made[word]
            assert isinstance(chain, list)
            made[word] = [self._follow_link(name) for name in chain if isinstance(name, str)]

    def _follow_target(self, destination: Json) -> Json:
        if isinstance(destination, str):
            return self.one(Key(Kind.CLUSTER, destination))
        assert isinstance(destination, list)
        return [
            {**target, "destination": self._follow_target(target["destination"])}
            for target in destination
            if isinstance(target, dict)
        ]

    def _follow_link(self, name: str) -> Json:
        """A transform of that name stays a name: it is an object of its own."""
        return (
            name if Key(Kind.TRANSFORM, name) in self._snapshot.objects else self.one(Key(Kind.CLUSTER, name))
        )
