"""Whether a request to a service of this machine was made by a browser on behalf of a foreign page.

A page of any site may send requests to loopback addresses: under its own name, which it lets point here (DNS
rebinding: the Host is that name), or under the address (the Origin is that page's).
"""

from __future__ import annotations

import ipaddress

from l7mp_mesh.pipe.head import RequestHead


def fault_of_origin(request: RequestHead) -> str:
    """What is wrong with the Host or the Origin of a request; empty when it may be answered."""
    host = request.authority.decode("latin-1").lower()
    if host and not _is_literal(host):
        return f'Host is "{host[:100]}", expected an address or localhost'
    for name, value in request.headers:
        if name == b"origin":
            origin = value.decode("latin-1").lower()
            if origin.removeprefix("http://").removeprefix("https://") != host:
                return f'Origin is "{origin[:100]}", expected none or that of "{host}"'
    return ""


def _is_literal(authority: str) -> bool:
    """True for addresses and localhost, which nobody else can let point to this machine."""
    host, _, port = authority.rpartition(":")
    if not host or not port.isdigit() or authority.endswith("]"):
        host = authority
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
