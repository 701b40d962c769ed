"""What can be wrong with a message."""

from __future__ import annotations


class ApiError(ValueError):
    """A message can not be used: `path` names the field ("filter_chains[0].filters"), `why` the reason."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why
