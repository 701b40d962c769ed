"""The control API: `/api/v1` as a program that answers whole requests.

request ─Table→ Operation ─Editor→ Update → Store,  Snapshot ─Dump→ answer
"""

from l7mp_mesh.control.rest.controller import RestController
from l7mp_mesh.control.rest.ops import RuntimeOps

__all__ = ["RestController", "RuntimeOps"]
