"""The object that owns everything that runs; `apply` is the only way to change it.

Order of a change, so that nothing is used before it is there (make before break):

    bind new listeners → clusters, endpoints → transforms, routes, rules, tables → serve → remove, in reverse
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from l7mp_mesh.io.tasks import contain, spawn, survive
from l7mp_mesh.model.cluster import Cluster as ClusterModel
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.listener import Listener
from l7mp_mesh.model.protocol import ProtocolUse
from l7mp_mesh.model.rules import Route, Rule, RuleList
from l7mp_mesh.model.snapshot import Key, Kind, Object, Snapshot
from l7mp_mesh.model.transform import Transform
from l7mp_mesh.model.value import Json
from l7mp_mesh.observe import l7mp
from l7mp_mesh.observe.stats import Stats
from l7mp_mesh.pipe.reason import Reason
from l7mp_mesh.ports.clock import Handle
from l7mp_mesh.ports.config import Rejection
from l7mp_mesh.ports.environment import Environment
from l7mp_mesh.ports.session import SessionView
from l7mp_mesh.ports.upstream import Upstream
from l7mp_mesh.protocols.base import Protocol
from l7mp_mesh.runtime import compile as make
from l7mp_mesh.runtime.listeners import ListenerRun
from l7mp_mesh.runtime.names import Names
from l7mp_mesh.runtime.rebinding import Rebinding
from l7mp_mesh.runtime.reconcile import affected, move
from l7mp_mesh.runtime.statistics import of_clusters, of_listeners
from l7mp_mesh.session.plan import Plan, StageMaker
from l7mp_mesh.session.registry import Registry
from l7mp_mesh.session.source import Rescue, Source, SourceStats
from l7mp_mesh.upstream.cluster import Cluster

log = logging.getLogger("l7mp_mesh.runtime")

POOL_ROUND = 15.0
"""Seconds of one round of the pools' idle clock."""
POOL_ROUNDS = 4
"""Rounds after which an idle upstream connection is closed."""


_ORDER = (
    Kind.CLUSTER,
    Kind.ENDPOINTS,
    Kind.TRANSFORM,
    Kind.ROUTE,
    Kind.RULE,
    Kind.RULELIST,
    Kind.LISTENER,
)


class Runtime:
    """Listeners, clusters, tables and sessions of one process."""

    def __init__(
        self,
        environment: Environment,
        stats: Stats,
        protocols: Mapping[str, Protocol],
        rescue: Rescue,
        load: Callable[..., StageMaker],
        predefined: Mapping[str, ProtocolUse],
    ) -> None:
        self.environment = environment
        self.stats = stats
        self.registry = Registry(environment.clock, self.plan_for)
        self.access_log: Callable[[SessionView], None] | None = None
        self._protocols = protocols
        self._rescue = rescue
        self._load = load
        self._predefined = predefined
        self._names = Names(self._make_predefined)
        self._listeners: dict[str, ListenerRun] = {}
        self._clusters: dict[str, tuple[ClusterModel, Cluster]] = {}
        self._followers: dict[str, set[str]] = {}
        """Clusters by the name of their endpoint set."""
        self._pool_timer: Handle | None = None
        l7mp.declare(stats)

    def start(self) -> None:
        """Begin to watch time limits."""
        self.registry.start()
        self._pool_round()

    async def stop(self, drain: float) -> None:
        """Accept no more, let sessions end for `drain` seconds, then end them."""
        for run in self._listeners.values():
            run.stop()
        empty = asyncio.Event()
        self.registry.when_empty(empty.set)
        try:
            async with asyncio.timeout(drain):
                await empty.wait()
        except TimeoutError:
            log.warning("drain time is over", extra={"sessions": self.registry.count})
        self.registry.stop(Reason.SHUTDOWN)
        for _, cluster in self._clusters.values():
            cluster.close()
        if self._pool_timer is not None:
            self._pool_timer.cancel()

    def address(self, listener: str) -> tuple[str, int]:
        """Where a listener is bound: address for people, and port. ("", 0) when it does not run."""
        run = self._listeners.get(listener)
        return ("", 0) if run is None else (run.acceptor.address, run.acceptor.port)

    def plan_for(self, route: Route) -> Plan:
        """A route that is not in the configuration, ready to be used."""
        return make.make_plan(route, self._names)

    async def apply(self, new: Snapshot, keys: Iterable[Key], *, atomic: bool) -> tuple[Rejection, ...]:
        """Make `keys` be what they are in `new`.

        Rejections are listeners that could not be bound, transforms whose code could not be loaded, and what
        crashed. When there are any of the first two and `atomic` is set, nothing was changed; after a crash
        no address was, and objects that were defined before it stay.
        """
        touched = list(dict.fromkeys(keys))
        change = self._rebinding(new, touched)
        for key in touched:
            value = new.objects.get(key)
            if isinstance(value, Listener) and not self._keeps_socket(value):
                await change.bind(value)
        unloadable = self._check(new, touched)
        if atomic and (unloadable or change.rejections):
            await change.undo()
            return (*change.rejections, *unloadable)
        await change.settle()
        rejections = [*change.rejections, *unloadable]
        refused = {rejection.key for rejection in rejections}
        changed = self._define(new, [key for key in touched if key not in refused], rejections)
        if atomic and rejections:
            await change.undo()
            return tuple(rejections)
        for run in change.bound.values():
            await self._serve(run, rejections)
        contain("remove objects", partial(self._remove, new, touched))
        self._reroute(changed)
        return tuple(rejections)

    def end_listener(self, name: str) -> None:
        """End every session that the listener of that name has emitted."""
        for session in self.registry.live():
            if session.source.listener.name == name:
                session.close(Reason.LISTENER_DELETED)

    def end_cluster(self, name: str) -> None:
        """End every session that goes through the cluster of that name."""
        for session in self.registry.live():
            if session.traverses(name):
                session.close(Reason.CLUSTER_DELETED)

    def disconnect_endpoint(self, name: str) -> None:
        """Take away every leg to the endpoint of that name; retry policies decide what follows."""
        for session in self.registry.live():
            session.disconnect(name, Reason.ENDPOINT_DELETED)

    def statistics(self, kind: Kind) -> Mapping[str, Json]:
        """What has passed each object of a kind, by name; empty for kinds that nothing passes."""
        match kind:
            case Kind.LISTENER:
                runs = self._listeners.items()
                return of_listeners({name: run.source.stats for name, run in runs}, self.registry.live())
            case Kind.CLUSTER:
                clusters = self._clusters.items()
                return of_clusters({name: it.stats for name, (_, it) in clusters}, self.registry.live())
            case Kind.RULE:
                return {rule.name: {"sessions": rule.hits} for rule in self._names.rules.values()}
            case _:
                return {}

    def _rebinding(self, new: Snapshot, keys: list[Key]) -> Rebinding:
        leaving = set()
        for key in keys:
            value = new.objects.get(key)
            moves = not (isinstance(value, Listener) and self._keeps_socket(value))
            if key.kind is Kind.LISTENER and key.name in self._listeners and moves:
                leaving.add(key.name)
        return Rebinding(self._listeners, leaving, self._new_run)

    def _keeps_socket(self, value: Listener) -> bool:
        """True for a running listener whose address and protocol do not change."""
        run = self._listeners.get(value.name)
        return run is not None and run.listener.protocol == value.protocol

    async def _serve(self, run: ListenerRun, rejections: list[Rejection]) -> None:
        value = run.listener
        old = self._listeners.get(value.name)
        crash = await survive(f"serve {value.name}", run.serve(self._source(value)))
        if crash:
            run.stop()
            rejections.append(Rejection(Key(Kind.LISTENER, value.name), "", crash))
            return
        self._listeners[value.name] = run
        if old is not None:
            contain(f"stop {value.name}", old.stop)
            self._forget_protocol(old.listener.protocol, value.protocol, listenerName=value.name)

    def _new_run(self, value: Listener) -> ListenerRun:
        return ListenerRun(value, self._protocols, self.environment, self.registry.begin)

    def _forget_protocol(self, old: ProtocolUse, new: ProtocolUse, **labels: str) -> None:
        """Series carry the protocol: those of the one that an object had before end."""
        if old.name != new.name:
            self.stats.forget(**labels, protocol=old.name)

    def _check(self, new: Snapshot, keys: list[Key]) -> list[Rejection]:
        """Transforms whose code does not load."""
        rejections = []
        for key in keys:
            value = new.objects.get(key)
            if isinstance(value, Transform):
                try:
                    make.make_transform(value, self._names, self._load)
                except ConfigError as error:
                    rejections.append(Rejection(key, error.path, error.why))
        return rejections

    def _define(self, new: Snapshot, keys: list[Key], rejections: list[Rejection]) -> set[str]:
        """Upserts, what is referred to before what refers; returns the names of changed routes."""
        changed: set[str] = set()
        for kind in _ORDER:
            for key in keys:
                value = new.objects.get(key)
                if key.kind is not kind or value is None:
                    continue
                crash = contain(f"define {key.name}", partial(self._define_one, new, value))
                if crash:
                    rejections.append(Rejection(key, "", crash))
                elif kind is Kind.ROUTE:
                    changed.add(key.name)
        return changed

    def _define_one(self, new: Snapshot, value: Object) -> None:
        names = self._names
        match value:
            case ClusterModel():
                self._define_cluster(new, value)
            case EndpointSet():
                self._balance(value)
            case Transform():
                names.transforms.define(value.name, make.make_transform(value, names, self._load))
            case Route():
                names.routes.define(value.name, make.make_plan(value, names))
            case Rule():
                names.rules.define(value.name, make.make_rule(value, names))
            case RuleList():
                names.tables.define(value.name, make.make_table(value, names))
            case Listener():
                if self._keeps_socket(value):
                    self._listeners[value.name].adopt(self._source(value))
            case _:
                return

    def _define_cluster(self, new: Snapshot, value: ClusterModel) -> None:
        known = self._clusters.get(value.name)
        if known is not None and replace(known[0], balancing=value.balancing) == value:
            cluster = known[1]
        else:
            cluster = make.make_cluster(value, self._protocols, self.environment, self.stats)
        endpoints = new.objects.get(Key(Kind.ENDPOINTS, value.endpoints or value.name))
        if isinstance(endpoints, EndpointSet):
            make.balance(cluster, value, endpoints, self._protocols)
        if known is not None:
            self._unfollow(known[0])
        self._clusters[value.name] = (value, cluster)
        self._followers.setdefault(value.endpoints or value.name, set()).add(value.name)
        self._names.clusters.define(value.name, cluster)
        if known is not None and known[1] is not cluster:
            known[1].close()
            self._forget_protocol(known[0].protocol, value.protocol, clusterName=value.name)

    def _balance(self, endpoints: EndpointSet) -> None:
        for name in self._followers.get(endpoints.name, ()):
            value, cluster = self._clusters[name]
            make.balance(cluster, value, endpoints, self._protocols)

    def _remove(self, new: Snapshot, keys: list[Key]) -> None:
        gone = [key for key in keys if key not in new.objects]
        for key in gone:
            if key.kind is Kind.LISTENER and (run := self._listeners.pop(key.name, None)) is not None:
                run.stop()
                self.stats.forget(listenerName=key.name)
        for key in gone:
            match key.kind:
                case Kind.RULELIST:
                    self._names.tables.undefine(key.name)
                case Kind.RULE:
                    self._names.rules.undefine(key.name)
                case Kind.ROUTE:
                    self._names.routes.undefine(key.name)
                case Kind.TRANSFORM:
                    self._names.transforms.undefine(key.name)
                case Kind.ENDPOINTS:
                    self._balance(EndpointSet(key.name))
                case Kind.CLUSTER:
                    self._remove_cluster(key.name)
                case _:
                    continue

    def _remove_cluster(self, name: str) -> None:
        self._names.clusters.undefine(name)
        known = self._clusters.pop(name, None)
        if known is not None:
            self._unfollow(known[0])
            known[1].close()
            self.stats.forget(clusterName=name)

    def _unfollow(self, value: ClusterModel) -> None:
        """The cluster has no interest in its endpoint set any more."""
        name = value.endpoints or value.name
        followers = self._followers.get(name)
        if followers is not None:
            followers.discard(value.name)
            if not followers:
                del self._followers[name]

    def _reroute(self, changed: set[str]) -> None:
        if changed:
            sessions = affected(self.registry, changed)
            if sessions:
                spawn("move sessions", move(sessions, self._names.routes.get))

    def _make_predefined(self, name: str) -> Upstream | None:
        use = self._predefined.get(name)
        if use is None:
            return None
        value = ClusterModel(name, use)
        return make.make_cluster(value, self._protocols, self.environment, self.stats)

    def _source(self, value: Listener) -> Source:
        labels = {"listenerName": value.name}
        stats = self.stats
        return Source(
            value,
            self._names.tables.cell(value.rules),
            SourceStats(
                l7mp.listener_requests(stats, value.name, value.protocol.name),
                stats.counter("listener_failures", "Sessions that did not end normally", **labels),
                stats.gauge("active_sessions", "Live sessions", **labels),
                stats.counter("listener_received_bytes", "Payload from clients", **labels),
                stats.counter("listener_sent_bytes", "Payload to clients", **labels),
                stats.histogram("listener_session_seconds", "Duration of sessions", **labels),
                stats.counter("listener_received_messages", "Messages or chunks from clients", **labels),
                stats.counter("listener_sent_messages", "Messages or chunks to clients", **labels),
                stats.counter("listener_refused", "Clients refused because there were too many", **labels),
            ),
            self._rescue,
            self._log,
        )

    def _log(self, session: SessionView) -> None:
        if self.access_log is not None:
            self.access_log(session)

    def _pool_round(self) -> None:
        for _, cluster in self._clusters.values():
            cluster.sweep(POOL_ROUNDS)
        clock = self.environment.clock
        self._pool_timer = clock.call_at(clock.now() + POOL_ROUND, self._pool_round)
