"""What is asked for and what was accepted, for one type of resource on one stream."""

from __future__ import annotations


class Subscription:
    """State of one type; only `Stream` changes it.

    `names` is None for all there is (wildcard). The version outlives the stream, the nonce does not.
    """

    __slots__ = ("is_answering", "is_asked", "names", "nonce", "version")

    def __init__(self, names: frozenset[str] | None) -> None:
        self.names = names
        self.version = ""
        """Of the last response that was accepted."""
        self.nonce = ""
        """Of the last response on this stream."""
        self.is_asked = False
        """A request was sent on this stream."""
        self.is_answering = False
        """A response is being applied; its ACK or NACK will carry `names`."""

    @property
    def is_worth_asking(self) -> bool:
        """False for a first request without names: it would ask for everything (legacy wildcard)."""
        return self.is_asked or self.names is None or bool(self.names)

    def restart(self) -> None:
        """A new stream: nonces mean nothing there."""
        self.nonce = ""
        self.is_asked = False
        self.is_answering = False
