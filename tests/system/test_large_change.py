"""A large change is applied in one go, and soon."""

from __future__ import annotations

import time

from support.mesh import Mesh

DEADLINE = 5.0
"""Seconds; it takes about half a second on two cores, and took 5.2 when it rose with the square."""


def test_eight_thousand_clusters_are_configured_within_a_deadline() -> None:
    clusters = [
        {
            "name": f"c{number}",
            "spec": {"protocol": "TCP", "port": 9},
            "endpoints": [{"name": f"e{number}", "spec": {"address": "127.0.0.1"}}],
        }
        for number in range(8000)
    ]
    with Mesh({}) as mesh:
        began = time.perf_counter()
        mesh.call("POST", "config", {"clusters": clusters})
        assert time.perf_counter() - began < DEADLINE
        assert len(mesh.call("GET", "clusters")) == 8000
