"""An ordered list of header fields: names lower-case, values as bytes, duplicates kept.

Framing and connection fields (RFC 9110 section 7.6.1: Connection, Keep-Alive, Transfer-Encoding, Upgrade)
and Host never appear in it: codecs take them out when they parse and write their own.
"""

from __future__ import annotations

from collections.abc import Iterator


class Headers:
    """Ordered header fields; `fields` is the list itself, for codecs that write it out."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[tuple[bytes, bytes]] | None = None) -> None:
        self.fields: list[tuple[bytes, bytes]] = [] if fields is None else fields

    def get(self, name: bytes) -> bytes | None:
        """Value of the first field called `name` (lower-case), or None."""
        for key, value in self.fields:
            if key == name:
                return value
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        """Values of every field called `name`, in order."""
        return [value for key, value in self.fields if key == name]

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every field called `name` by one, in the place of the first; append if there was none."""
        for index, (key, _) in enumerate(self.fields):
            if key == name:
                self.fields[index] = (name, value)
                self.fields[index + 1 :] = [field for field in self.fields[index + 1 :] if field[0] != name]
                return
        self.fields.append((name, value))

    def append(self, name: bytes, value: bytes) -> None:
        """Add a field at the end."""
        self.fields.append((name, value))

    def remove(self, name: bytes) -> None:
        """Take out every field called `name`; none is fine."""
        self.fields = [field for field in self.fields if field[0] != name]

    def copy(self) -> Headers:
        """A list of its own."""
        return Headers(self.fields.copy())

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self.fields!r})"
