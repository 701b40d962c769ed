"""Names of objects that are written in place of a name and have none of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Names:
    """One running number per type, from 0: "<owner>-<Type>-<number>".

    The control API keeps one for the life of the process. A source that is read again and again, such as a
    file, takes a fresh one each time, so that the same text gives the same names.
    """

    def __init__(self) -> None:
        self._next: Counter[str] = Counter()

    def make(self, owner: str, word: str, is_taken: Callable[[str], bool]) -> str:
        """The next free name for something of type `word` inside `owner`."""
        while True:
            name = f"{owner}-{word}-{self._next[word]}"
            self._next[word] += 1
            if not is_taken(name):
                return name
