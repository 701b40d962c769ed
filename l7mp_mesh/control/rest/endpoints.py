"""Endpoints: of one cluster, and of all."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus

from l7mp_mesh.control.native import Dump
from l7mp_mesh.control.rest.call import Call
from l7mp_mesh.control.rest.editor import Editor, endpoint_names
from l7mp_mesh.control.rest.objects import NOT_FOUND
from l7mp_mesh.control.rest.ops import RuntimeOps
from l7mp_mesh.control.rest.ownership import endpoints_key
from l7mp_mesh.control.rest.reply import OK, Refused
from l7mp_mesh.model.cluster import Cluster
from l7mp_mesh.model.endpoints import Endpoint, EndpointSet
from l7mp_mesh.model.snapshot import Key, Kind, Object
from l7mp_mesh.model.value import Json

_ADD = "add endpoint"


class Endpoints:
    """`/endpoints` and `/clusters/{name}/endpoints`."""

    def __init__(self, editor: Editor, ops: RuntimeOps) -> None:
        self._editor = editor
        self._ops = ops

    async def list(self, call: Call) -> Json:
        """The endpoints of all clusters."""
        return self._dump().all(Kind.ENDPOINTS)

    async def show(self, call: Call) -> Json:
        """One endpoint."""
        found = self._dump().endpoint(call.names[0])
        if found is None:
            raise Refused(HTTPStatus.BAD_REQUEST, NOT_FOUND)
        return found

    async def of_cluster(self, call: Call) -> Json:
        """The endpoints of one cluster."""
        key = endpoints_key(self._cluster(call))
        return self._dump().one(key) if key in self._editor.snapshot.objects else []

    async def add(self, call: Call) -> Json:
        """Add an endpoint to a cluster."""
        source = call.source()
        editor = self._editor
        async with editor.lock:
            cluster = self._cluster(call)
            if editor.vocabulary.is_virtual(cluster.protocol.name):
                why = f"{cluster.protocol.name} clusters live inside the proxy and have no endpoints"
                raise Refused(HTTPStatus.BAD_REQUEST, f"Cannot {_ADD}: {why}")
            decoded = editor.decoder().body(Kind.ENDPOINTS, source, owner=cluster.name)
            editor.check(_ADD, decoded)
            added = decoded.objects[Key(Kind.ENDPOINTS, cluster.name)]
            assert isinstance(added, EndpointSet)
            self._check(cluster, added.endpoints[0])
            key = endpoints_key(cluster)
            known = editor.snapshot.objects.get(key)
            before = known.endpoints if isinstance(known, EndpointSet) else ()
            changed: dict[Key, Object] = {key: EndpointSet(key.name, (*before, *added.endpoints))}
            await editor.apply(_ADD, changed, main=key)
        return OK

    async def delete(self, call: Call) -> Json:
        """Delete an endpoint; recursively also take it away from the sessions that use it."""
        name = call.names[0]
        editor = self._editor
        async with editor.lock:
            objects = editor.snapshot.objects
            changed: dict[Key, Object] = {}
            for found, key in endpoint_names(objects):
                known = objects[key]
                if found == name and isinstance(known, EndpointSet):
                    kept = tuple(one for one in known.endpoints if one.name != name)
                    changed[key] = replace(known, endpoints=kept)
            if not changed:
                raise Refused(HTTPStatus.BAD_REQUEST, NOT_FOUND)
            await editor.apply("delete endpoint", changed)
        if call.recursive:
            call.after.append(partial(self._ops.disconnect_endpoint, name))
        return OK

    def _check(self, cluster: Cluster, endpoint: Endpoint) -> None:
        port: object = getattr(cluster.protocol.options, "port", 0)
        if port is None and endpoint.port is None:
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"Cannot {_ADD}: Property port is required: the cluster has none"
            )

    def _cluster(self, call: Call) -> Cluster:
        found = self._editor.snapshot.objects.get(Key(Kind.CLUSTER, call.names[0]))
        if not isinstance(found, Cluster):
            raise Refused(HTTPStatus.BAD_REQUEST, f"No such cluster: {call.names[0]}")
        return found

    def _dump(self) -> Dump:
        return Dump(self._editor.snapshot, self._editor.vocabulary, recursive=True)
