"""How the API changes the configuration: decode, check, apply, all or nothing.

One change at a time: `lock` is held from the look at what is in force until the store has answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import count

from l7mp_mesh.control.native import Decoded, Decoder, Names, Vocabulary
from l7mp_mesh.control.rest.ownership import Objects
from l7mp_mesh.control.rest.reply import Refused
from l7mp_mesh.model.admin import Admin
from l7mp_mesh.model.endpoints import EndpointSet
from l7mp_mesh.model.errors import Problem
from l7mp_mesh.model.snapshot import ADMIN_KEY, Key, Kind, Object, Snapshot, references
from l7mp_mesh.model.value import Json
from l7mp_mesh.ports.config import Rejection, Store, Update

log = logging.getLogger("l7mp_mesh.rest")

SOURCE = "rest"
"""The owner of what is created through the API."""

WORD = {kind: kind.value for kind in Kind} | {Kind.RULELIST: "RuleList", Kind.ENDPOINTS: "endpoint"}
"""The word for a kind in messages."""


class Editor:
    """Decodes bodies with one vocabulary and applies what they say to one store."""

    def __init__(self, store: Store, vocabulary: Vocabulary) -> None:
        self.lock = asyncio.Lock()
        self.vocabulary = vocabulary
        self._store = store
        self._names = Names()
        self._versions = count(1)

    @property
    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        return self._store.snapshot

    @property
    def admin(self) -> Admin:
        """The settings in force."""
        admin = self._store.snapshot.objects.get(ADMIN_KEY)
        return admin if isinstance(admin, Admin) else Admin()

    def decoder(self) -> Decoder:
        """For new objects: generated names are never used again."""
        existing = self.snapshot.objects
        return Decoder(self.vocabulary, self._names, existing, strict=self.admin.strict)

    def replacing(self, mine: Container[Key]) -> Decoder:
        """For objects that replace `mine`: the same text gives the same names."""
        others = {key: value for key, value in self.snapshot.objects.items() if key not in mine}
        return Decoder(self.vocabulary, Names(), others, strict=self.admin.strict)

    def check(self, what: str, decoded: Decoded) -> None:
        """Raises Refused if the body can not be used, or names nothing in strict mode."""
        errors = decoded.errors
        if errors:
            if self.admin.strict:
                content: Json = [_in_json(problem) for problem in errors]
            else:
                first = f"Cannot {what}: {errors[0].why}"
                content = "\n".join([first, *(str(problem) for problem in errors[1:])])
            raise Refused(self._not_valid, content, problems=[str(problem) for problem in errors])
        for problem in decoded.problems:
            log.warning("request body: %s", problem)
        self.check_names(decoded.objects)

    def check_names(self, upserts: Objects) -> None:
        """Raises Refused in strict mode if something is named that does not exist."""
        if not self.admin.strict:
            return
        known = (upserts, self.snapshot.objects, self.vocabulary.predefined())
        found: list[Json] = []
        for key, value in upserts.items():
            for reference in references(value):
                if not any(candidate in names for candidate in reference.candidates for names in known):
                    words = " or ".join(one.kind.value for one in reference.candidates)
                    why = f'there is no {words} "{reference.candidates[0].name}"'
                    where = f"{key.kind.value} {key.name}.{reference.path}"
                    found.append({"dataPath": where, "message": why})
        if found:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, found)

    def check_new(self, what: str, objects: Objects) -> None:
        """Raises Refused if one of `objects` exists already."""
        for key in objects:
            if key in self.snapshot.objects:
                word = {Kind.RULELIST: "RuleList"}.get(key.kind, key.kind.value.capitalize())
                raise Refused(HTTPStatus.BAD_REQUEST, f'Cannot {what}: {word} "{key.name}" already defined')

    def check_endpoints(self, what: str, upserts: Objects) -> None:
        """Raises Refused if an endpoint has the name of one in another set: they share one name space."""
        if not any(isinstance(value, EndpointSet) for value in upserts.values()):
            return
        known = dict(endpoint_names(self.snapshot.objects, upserts))
        for name, _ in endpoint_names(upserts):
            if name in known:
                raise Refused(HTTPStatus.BAD_REQUEST, f'Cannot {what}: EndPoint "{name}" already defined')

    async def apply(
        self,
        what: str,
        upserts: Mapping[Key, Object],
        removals: Iterable[Key] = (),
        *,
        create_only: bool = False,
        main: Key | None = None,
    ) -> None:
        """Have the store make one change. Raises Refused, and then nothing has changed.

        What another source owns and nobody asked to remove stays: `main` alone is removed by name.
        """
        gone = frozenset(key for key in removals if key == main or self._is_mine(key))
        update = Update(SOURCE, f"{SOURCE}-{next(self._versions)}", upserts, gone, create_only=create_only)
        outcome = await self._store.apply(update)
        if outcome.rejections:
            texts = [_text(rejection, main) for rejection in outcome.rejections]
            raise Refused(HTTPStatus.BAD_REQUEST, f"Cannot {what}: " + "\n".join(texts))

    def _is_mine(self, key: Key) -> bool:
        owner = self._store.owner(key)
        return owner is None or not owner.startswith("xds")

    @property
    def _not_valid(self) -> HTTPStatus:
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.admin.strict else HTTPStatus.BAD_REQUEST


def endpoint_names(objects: Objects, but: Container[Key] = ()) -> Iterator[tuple[str, Key]]:
    """Every endpoint's name and the key of its set; sets in `but` are left out."""
    for key, value in objects.items():
        if isinstance(value, EndpointSet) and key not in but:
            for endpoint in value.endpoints:
                yield endpoint.name, key


def _in_json(problem: Problem) -> Json:
    return {
        "dataPath": problem.path,
        "message": problem.why,
        "line": problem.line,
        "column": problem.column,
    }


def _text(rejection: Rejection, main: Key | None) -> str:
    key = rejection.key
    if key == main or f'"{key.name}"' in rejection.why:
        return rejection.why
    return f'{WORD[key.kind]} "{key.name}": {rejection.why}'
