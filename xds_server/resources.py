"""Files to resources: all of them, or every problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from l7mp_mesh.api import ApiError, Json, message
from l7mp_mesh.control.native import Decoder, Format, Source, Vocabulary, installed, parse, steps
from l7mp_mesh.model.errors import Problem
from xds_server import native
from xds_server.envoy import resource_from_json
from xds_server.snapshot import Resource, Snapshot, describe_dangling
from xds_server.types import type_of

RESPONSE = "envoy.service.discovery.v3.DiscoveryResponse"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading the files."""

    snapshot: Snapshot | None
    """None if anything is wrong."""
    problems: tuple[Problem, ...] = ()
    """What must be mended."""
    warnings: tuple[Problem, ...] = ()
    """What is served all the same: fields nobody knows, references to what no file defines."""


@dataclass(frozen=True, slots=True)
class Located:
    """A resource and where it was defined."""

    resource: Resource
    file: str
    path: str
    line: int
    column: int


def load_files(files: Iterable[Path], vocabulary: Callable[[], Vocabulary] = installed) -> Loaded:
    """Read all files. Every file is read whatever is wrong with the others.

    `vocabulary` is asked for when the first native object is met.
    """
    problems: list[Problem] = []
    found: list[Located] = []
    for path in files:
        found += _File(path, problems, vocabulary).resources()
    problems += _duplicates(found)
    warnings = tuple(each for each in problems if each.is_warning)
    if len(problems) > len(warnings):
        return Loaded(None, tuple(each for each in problems if not each.is_warning), warnings)
    snapshot = Snapshot(each.resource for each in found)
    return Loaded(snapshot, warnings=(*warnings, *_dangling(snapshot, found)))


class _File:
    """One file; what is wrong with it is added to `problems`."""

    def __init__(self, path: Path, problems: list[Problem], vocabulary: Callable[[], Vocabulary]) -> None:
        self._path = path
        self._problems = problems
        self._vocabulary = vocabulary
        self._source: Source = parse("", str(path))

    def resources(self) -> list[Located]:
        """The resources that can be read."""
        form = Format.JSON if self._path.suffix == ".json" else Format.YAML
        try:
            self._source = parse(self._path.read_bytes(), str(self._path), form)
        except OSError as error:
            self._problems.append(Problem(str(self._path), 0, 0, "", f"can not be read: {error.strerror}"))
            return []
        for fault in self._source.faults:
            self._problems.append(Problem(str(self._path), *fault.mark, "", fault.why))
        if self._source.faults or self._source.value is None:
            return []
        return list(self._top(self._source.value))

    def _top(self, value: Json) -> Iterator[Located]:
        match value:
            case {"@type": str(url)} if not url.endswith(f"/{RESPONSE}"):
                yield from self._resource("", value)
            case dict() if not native.KEYS.isdisjoint(value):
                if self._is_sound(value):
                    yield from self._native(value)
            case dict() if "resources" in value:
                yield from self._listed(value)
            case _:
                keys = ", ".join(sorted(native.KEYS))
                self._problem("", f"expected an object with `resources`, or native objects ({keys})")

    def _listed(self, value: dict[str, Json]) -> Iterator[Located]:
        known = {field.name for field in message(RESPONSE).DESCRIPTOR.fields}
        known |= {field.json_name for field in message(RESPONSE).DESCRIPTOR.fields} | {"@type"}
        for key in sorted(value.keys() - known):
            self._problem(key, "unknown field beside `resources`")
        items = value.get("resources") or []
        if not isinstance(items, list):
            self._problem("resources", "expected a list of objects with '@type'")
            return
        for index, item in enumerate(items):
            yield from self._resource(f"resources[{index}]", item)

    def _is_sound(self, value: dict[str, Json]) -> bool:
        """Whether the native decoder takes the file; names are late-bound, and not looked up."""
        before = len(self._problems)
        for key in native.KEPT_OUT.keys() & value.keys():
            self._problem(key, native.KEPT_OUT[key])
        if len(self._problems) == before:
            self._problems += Decoder(self._vocabulary()).part(self._source).problems
        return all(each.is_warning for each in self._problems[before:])

    def _native(self, value: dict[str, Json]) -> Iterator[Located]:
        try:
            for path, item in native.carried_resources(value):
                yield self._located(path, resource_from_json(item))
        except ApiError as error:
            self._problem(error.path, error.why)

    def _resource(self, path: str, item: Json) -> Iterator[Located]:
        try:
            yield self._located(path, resource_from_json(item))
        except ApiError as error:
            self._problem(".".join(part for part in (path, error.path) if part), error.why)

    def _located(self, path: str, resource: Resource) -> Located:
        return Located(resource, str(self._path), path, *self._place(path))

    def _problem(self, path: str, why: str) -> None:
        self._problems.append(Problem(str(self._path), *self._place(path), path, why))

    def _place(self, path: str) -> tuple[int, int]:
        return self._source.position(steps(path), key=True)


def _duplicates(found: Iterable[Located]) -> Iterator[Problem]:
    first: dict[tuple[str, str], Located] = {}
    for each in found:
        key = (each.resource.type_url, each.resource.name)
        other = first.setdefault(key, each)
        if other is not each:
            what = f"{type_of(each.resource.type_url).short} resource {each.resource.name!r}"
            why = f"{what} is already defined at {other.file}:{other.line}"
            yield Problem(each.file, each.line, each.column, each.path, why)


def _dangling(snapshot: Snapshot, found: Iterable[Located]) -> Iterator[Problem]:
    places = {(each.resource.type_url, each.resource.name): each for each in found}
    for resource, reference in snapshot.dangling():
        at = places[(resource.type_url, resource.name)]
        yield Problem(
            at.file, at.line, at.column, at.path, describe_dangling(resource, reference), is_warning=True
        )
