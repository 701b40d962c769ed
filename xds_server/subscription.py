"""What one stream wants of one type, what it was sent, and what it said to it. Sans-io.

    request ──names──▶ wanted ─┐
    snapshot ─────────────────▶ due? ──▶ take() ──▶ response, remembered in `sent`
    request ──nonce, error──▶ ACK | NACK | stale | nothing

`sent` is the only memory: a resource is due when its version differs from the one sent. A refused response
was sent all the same, so the same content never goes out twice, and the next different one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from xds_server.messages import Request
from xds_server.snapshot import Collection, Resource
from xds_server.types import ResourceType

WILDCARD = "*"


class Verdict(Enum):
    """What a request says about the responses before it."""

    NOTHING = auto()
    ACK = auto()
    NACK = auto()
    STALE = auto()
    REPEATED = auto()
    """The response was acknowledged before: a new list of names, or a plea for the same answer again."""


class Subscription:
    """One type on one stream."""

    __slots__ = ("_answered", "_has_named", "_is_owed", "_is_wildcard", "_may_plead", "_names", "_sent",
                 "_settled", "kind", "nonce", "version")  # fmt: skip

    def __init__(self, kind: ResourceType) -> None:
        self.kind = kind
        self.nonce = ""
        """Of the last response sent."""
        self.version = ""
        """Of the last response sent."""
        self._names: frozenset[str] = frozenset()
        self._is_wildcard = False
        self._has_named = False
        self._is_owed = False
        self._answered = True
        self._may_plead = False
        self._sent: dict[str, str] = {}
        self._settled: str | None = None

    def receive(self, request: Request) -> Verdict:
        """Take in a request. A stale one changes nothing: its names come again with the current nonce."""
        verdict = self._judge(request)
        if verdict is Verdict.STALE:
            return verdict
        if verdict in {Verdict.ACK, Verdict.NACK}:
            self._answered = True
        changed = self._subscribe(request.names)
        if verdict is Verdict.REPEATED and not changed and self._may_plead:
            # Envoy asks once for the endpoints of a cluster it warms; it looks like a second ACK.
            self._may_plead = False
            self.resend(tuple(self._sent))
        return verdict

    def _judge(self, request: Request) -> Verdict:
        if not self.nonce or not request.nonce:
            # An empty nonce crossed with the first response; before that, a nonce is of another stream.
            return Verdict.NOTHING
        if request.nonce != self.nonce:
            return Verdict.STALE
        if self._answered:
            return Verdict.REPEATED
        return Verdict.ACK if request.error is None else Verdict.NACK

    def _subscribe(self, names: Iterable[str]) -> bool:
        explicit = frozenset(names)
        is_wildcard = WILDCARD in explicit
        if explicit:
            self._has_named = True
        elif not self._has_named:
            is_wildcard = self.kind.is_wildcard
        explicit -= {WILDCARD}
        changed = explicit != self._names or is_wildcard != self._is_wildcard
        added = explicit - self._names
        if is_wildcard and not self._is_wildcard:
            self._is_owed = True
        if self.kind.is_complete and any(added):
            # Absence from a complete response is how the client learns that a name does not exist.
            self._is_owed = True
        self._names, self._is_wildcard = explicit, is_wildcard
        if changed:
            self._settled = None
        if not is_wildcard:
            self._sent = {name: version for name, version in self._sent.items() if name in explicit}
        return changed

    def resend(self, names: Iterable[str]) -> None:
        """Make these due again at their unchanged version, as far as they were sent."""
        for name in names:
            self._sent.pop(name, None)
        self._settled = None

    def allow_plea(self) -> None:
        """From now on one repeated request is answered: see `receive`."""
        self._may_plead = True

    def take(self, collection: Collection, nonce: str) -> tuple[Resource, ...] | None:
        """The resources of the response to send now under `nonce`, or None if nothing is due.

        The caller must send what it takes.
        """
        if collection.version == self._settled:
            return None
        self._settled = collection.version
        wanted = self._wanted(collection)
        changed = [each for each in wanted if self._sent.get(each.name) != each.version]
        gone = self._sent.keys() - collection.resources.keys()
        for name in gone:
            del self._sent[name]
        if not (changed or self._is_owed or (gone and self.kind.is_complete)):
            return None
        resources = tuple(wanted if self.kind.is_complete else changed)
        self._sent.update((each.name, each.version) for each in resources)
        self._is_owed = self._answered = False
        self.nonce, self.version = nonce, collection.version
        return resources

    def _wanted(self, collection: Collection) -> list[Resource]:
        resources = collection.resources
        if self._is_wildcard:
            return list(resources.values())
        return [resources[name] for name in sorted(self._names) if name in resources]

    def changing(self, collection: Collection) -> list[str]:
        """Names whose content the next response would change at the client."""
        if collection.version == self._settled:
            return []
        return [each.name for each in self._wanted(collection) if self._sent.get(each.name) != each.version]
