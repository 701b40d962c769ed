"""The files of the demo: what the dataplane starts from, and what the management server is given to push.

They are meant to be read and edited while the demo runs.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("blue", "green", "gold")

PREFERRED = {"web": 10080, "media": 10053, "control": 1234, "xds": 18000}
"""Ports that are taken if they are free: they are easier to type than others."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback."""

    web: int
    media: int
    control: int
    xds: int
    backends: dict[str, int]
    """By name; for HTTP and UDP."""
    transcoder: int
    """For WebSocket."""


def choose_ports(backends: dict[str, int], transcoder: int) -> Ports:
    """Ports that nobody uses at this moment."""
    taken = {name: _free(port) for name, port in PREFERRED.items()}
    return Ports(**taken, backends=backends, transcoder=transcoder)


def _free(port: int) -> int:
    """`port` if both TCP and UDP can have it, else one that the system chooses."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
        except OSError:
            return _free(0)
        found: int = stream.getsockname()[1]
        return found


class Files:
    """A folder with a bootstrap, and below it the folder that `xds-server` serves."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self.bootstrap = folder / "bootstrap.yaml"
        self.mesh = folder / "mesh"
        self.web = self.mesh / "web.yaml"
        self.media = self.mesh / "media.yaml"
        self.mesh.mkdir()
        self.bootstrap.write_text(_BOOTSTRAP.format(xds=ports.xds))
        (self.mesh / "control.yaml").write_text(_CONTROL.format(control=ports.control))
        self.web.write_text(_WEB.format(web=ports.web) + "".join(_clusters(ports)))
        self.media.write_text(_MEDIA.format(media=ports.media, transcoder=ports.transcoder, **ports.backends))

    def edit(self, path: Path, old: str, new: str) -> list[str]:
        """Replace `old` as an editor would: the new file appears as a whole. Returns the difference."""
        text = path.read_text()
        assert text.count(old) == 1, f"{path.name} has {text.count(old)} times {old!r}"
        draft = path.with_suffix(".draft")
        draft.write_text(text.replace(old, new))
        draft.replace(path)
        before, after = old.splitlines(), new.splitlines()
        gone = [f"- {line}" for line in before if line not in after]
        return gone + [f"+ {line}" for line in after if line not in before]


_BOOTSTRAP = """\
# All that the dataplane is given: who it is, and whom to ask for the rest.
node: {{id: demo, cluster: demo}}
dynamic_resources:
  ads_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [{{google_grpc: {{target_uri: "127.0.0.1:{xds}", stat_prefix: xds}}}}]
  lds_config: {{resource_api_version: V3, ads: {{}}}}
  cds_config: {{resource_api_version: V3, ads: {{}}}}
"""

_CONTROL = """\
# A native L7mp object: the control API, for curl and l7mpctl.
listeners:
  - name: control
    spec: {{protocol: HTTP, port: {control}, address: 127.0.0.1}}
    rules: [{{action: {{route: {{destination: controller}}}}}}]
"""

_MEDIA = """\
# Native L7mp objects: a UDP session passes a transcoder that speaks WebSocket, and goes to a UDP worker.
listeners:
  - name: media
    spec: {{protocol: UDP, port: {media}, address: 127.0.0.1}}
    rules: [{{action: {{route: media}}}}]
    options: {{on_change: reroute}}
routes:
  - name: media
    destination: worker-blue
    ingress: [transcoder]
clusters:
  - name: transcoder
    spec: {{protocol: WebSocket, port: {transcoder}}}
    endpoints: [{{spec: {{address: 127.0.0.1}}}}]
  - name: worker-blue
    spec: {{protocol: UDP, port: {blue}}}
    endpoints: [{{spec: {{address: 127.0.0.1}}}}]
  - name: worker-green
    spec: {{protocol: UDP, port: {green}}}
    endpoints: [{{spec: {{address: 127.0.0.1}}}}]
"""

WORKER = "    destination: worker-blue\n"
OTHER_WORKER = "    destination: worker-green\n"

_WEB = """\
# Envoy's own resources: Envoy would take this file as it is.
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: web
  address: {{socket_address: {{address: 127.0.0.1, port_value: {web}}}}}
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.\
HttpConnectionManager
        stat_prefix: web
        rds: {{route_config_name: web, config_source: {{resource_api_version: V3, ads: {{}}}}}}
        http_filters:
        - name: router
          typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: web
  virtual_hosts:
  - name: everyone
    domains: ["*"]
    routes:
    - match: {{prefix: /}}
      route:
        weighted_clusters:
          clusters: [{{name: blue, weight: 75}}, {{name: green, weight: 25}}]
"""

ROUTES = "    routes:\n"
ROUTES_AND_ONE_MORE = "    routes:\n    - match: {prefix: /new}\n      route: {cluster: gold}\n"
MISTAKE = "    routes:\n    - match: {prefix: /new}\n      rout: {cluster: gold}\n"


def _clusters(ports: Ports) -> list[str]:
    return [_CLUSTER.format(name=name, port=port) for name, port in ports.backends.items()]


_CLUSTER = """\
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {name}
  type: EDS
  connect_timeout: 1s
  eds_cluster_config: {{eds_config: {{resource_api_version: V3, ads: {{}}}}}}
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: {name}
  endpoints:
  - lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]
"""
