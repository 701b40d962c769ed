"""Load balancers: the order in which the endpoints of a cluster are tried."""

from __future__ import annotations

from l7mp_mesh.model.cluster import LbPolicy, LoadBalancing
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.ports.upstream import LoadBalancer
from l7mp_mesh.upstream.balancers.first import First
from l7mp_mesh.upstream.balancers.random import Random
from l7mp_mesh.upstream.balancers.ring_hash import RingHash
from l7mp_mesh.upstream.balancers.round_robin import RoundRobin

__all__ = ["First", "Random", "RingHash", "RoundRobin", "make_balancer"]


def make_balancer(balancing: LoadBalancing, endpoints: EndpointSet) -> LoadBalancer:
    """A balancer over `endpoints`; when they change, make another one.

    Every call of `candidates` is one session: a retry goes on with the iterator it has.
    """
    members = endpoints.endpoints
    if balancing.policy is LbPolicy.ROUND_ROBIN:
        return RoundRobin(members)
    if balancing.policy is LbPolicy.RANDOM:
        return Random(members)
    if balancing.policy is LbPolicy.HASH_RING:
        return RingHash(members, balancing.key)
    return First(members)
