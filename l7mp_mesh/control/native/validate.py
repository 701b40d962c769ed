"""Everything that is wrong with a configuration text, at once."""

from __future__ import annotations

from l7mp_mesh.control.native.decode import Decoder
from l7mp_mesh.control.native.source import parse
from l7mp_mesh.control.native.vocabulary import Vocabulary
from l7mp_mesh.model.errors import Problem


def validate(
    text: str | bytes, file: str, vocabulary: Vocabulary, *, strict: bool = False
) -> tuple[Problem, ...]:
    """Problems of a whole configuration, by position; empty if it can be used as it is."""
    return Decoder(vocabulary, strict=strict).config(parse(text, file)).problems
