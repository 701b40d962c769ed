"""What the commands of `l7mpctl` do."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from l7mp_mesh.app.ctl_body import Body, Whole
from l7mp_mesh.app.ctl_client import CallFailed, Client
from l7mp_mesh.app.ctl_kinds import KINDS, WORDS, Item, KindOf, at, text
from l7mp_mesh.app.ctl_table import Screen
from l7mp_mesh.app.version import version
from l7mp_mesh.model.value import Json

SETTINGS = ("admin", "config")
"""Kinds of which there is one."""


class Commands:
    """One server, one screen, one form of output ("table", "json", "yaml")."""

    def __init__(self, client: Client, screen: Screen, form: str) -> None:
        self._client = client
        self._screen = screen
        self._form = form

    def status(self) -> None:
        """How the dataplane is, in a few lines."""
        config = self._client.get("config")
        counts: dict[str, Json] = {word: len(_items(at(config, KINDS[word].path))) for word in WORDS}
        listeners = _items(at(config, "listeners"))
        sessions = _items(at(config, "sessions"))
        live = Counter(
            str(at(one, "source", "origin")) for one in sessions if one.get("status") != "DESTROYED"
        )
        if self._form != "table":
            shown = {"server": self._client.server, "admin": at(config, "admin"), "counts": counts}
            self._print({**shown, "sessions": dict(live)})
            return
        self._overview(at(config, "admin"), counts)
        if listeners:
            columns = KINDS["listener"].columns
            rows = [
                [*(show(item) for show in columns.values()), str(live[str(item["name"])])]
                for item in listeners
            ]
            self._screen.say("")
            self._screen.table([*columns, "SESSIONS"], rows)

    def get(self, kind: str, name: str | None) -> None:
        """List the objects of a kind, or show one."""
        if kind in SETTINGS:
            self._print(self._client.get(kind))
            return
        row = _kind(kind)
        value = self._client.get(row.path) if name is None else self._one(row, name)
        if self._form != "table":
            self._print(value)
        else:
            self._table(row, _items(value) if name is None else _items([value]))

    def describe(self, kind: str, name: str | None) -> None:
        """Show one object with everything that it names."""
        if kind in SETTINGS:
            value = self._client.get(kind, recursive=True)
        elif name is None:
            raise CallFailed(f"describe {kind} needs a name")
        else:
            value = self._one(_kind(kind), name, recursive=True)
        self._print(value)

    def add(self, kind: str, file: str, *, inside: str | None, position: int, replace: bool) -> None:
        """Create an object from a file, or replace it."""
        if kind == "config":
            body: Body = Whole(file)
            path: tuple[str, ...] = (kind,)
            method = "POST"
        else:
            word = kind if kind in SETTINGS else _kind(kind).word
            body = Body(file, word)
            path, method = self._place(word, body, inside, position, replace=replace)
        try:
            self._client.call(method, path, body.value)
        except CallFailed as error:
            if not error.problems:
                raise
            what, _, _ = error.text.partition(": ")
            found = [body.locate(problem) for problem in error.problems]
            raise CallFailed("\n  ".join([f"{what}:", *found])) from error
        self._done("updated" if method == "PUT" else "set" if kind in SETTINGS else "added")

    def delete(self, kind: str, name: str, *, inside: str | None, recursive: bool) -> None:
        """Delete an object, or take a rule off a list."""
        row = _kind(kind)
        path: tuple[str, ...] = (row.path, name)
        if inside is not None:
            if row.word != "rule":
                raise CallFailed(f"--in is for rules; a {row.word} is deleted by its name alone")
            path = ("rulelists", inside, "rules", name)
        self._client.call("DELETE", path, recursive=recursive)
        self._done("deleted")

    def sessions(self, *, watch: bool, interval: float, count: int) -> None:
        """List sessions; with `watch` again and again, on a terminal in place, elsewhere what has changed."""
        if not watch:
            self.get("session", None)
            return
        seen: dict[str, tuple[str, ...]] = {}
        shown = 0
        while True:
            items = _items(self._client.get("sessions"))
            seen = self._picture(items, seen)
            shown += 1
            if shown == count:
                return
            time.sleep(interval)

    def kill(self, name: str) -> None:
        """End a session."""
        self._client.call("DELETE", ("sessions", name))
        self._done("ended")

    def reroute(self, name: str, route: str | None, file: str | None) -> None:
        """Move a live session to another route."""
        value: Json = {"route": route} if file is None else Body(file, "route").value
        self._client.call("PUT", ("sessions", name), value)
        self._done("moved")

    def version(self) -> None:
        """Versions of this command and, if it can be reached, of the dataplane."""
        own = version()
        try:
            theirs = text(at(self._client.get("admin"), "version"))
        except CallFailed:
            theirs = f"not reached at {self._client.server}"
        if self._form == "table":
            self._screen.say(f"l7mpctl {own}\ndataplane {theirs}")
        else:
            self._print({"l7mpctl": own, "dataplane": theirs})

    def _overview(self, admin: Json, counts: dict[str, Json]) -> None:
        say = self._screen.say
        strict = ", strict" if at(admin, "strict") is True else ""
        say(f"l7mp-mesh {text(at(admin, 'version'))} at {self._client.server}")
        say(f"log level {text(at(admin, 'log_level'))} to {text(at(admin, 'log_file'))}{strict}")
        say(", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items()))

    def _picture(self, items: list[Item], seen: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        row = KINDS["session"]
        if self._form != "table":
            self._screen.say(json.dumps(items))
            return seen
        if self._screen.is_terminal:
            self._screen.clear()
            self._table(row, items)
            return seen
        words = ("LISTENER", "STATUS", "ROUTE", "DESTINATION")
        now = {str(item["name"]): tuple(row.columns[word](item) for word in words) for item in items}
        for name, cells in now.items():
            if seen.get(name) != cells:
                self._screen.say("  ".join((name, *cells)))
        for name in seen.keys() - now.keys():
            self._screen.say(f"{name}  gone")
        return now

    def _place(
        self, word: str, body: Body, inside: str | None, position: int, *, replace: bool
    ) -> tuple[tuple[str, ...], str]:
        if word in SETTINGS:
            return (word,), "POST"
        if word == "endpoint":
            if inside is None:
                raise CallFailed("an endpoint belongs to a cluster: name it with --in CLUSTER")
            return ("clusters", inside, "endpoints"), "POST"
        if word == "rule" and inside is not None:
            return ("rulelists", inside, "rules", str(position)), "POST"
        if word == "session":
            raise CallFailed("sessions are emitted by listeners; they can not be added")
        path = KINDS[word].path
        if not replace:
            return (path,), "POST"
        name = at(body.value, word, "name")
        if not isinstance(name, str):
            raise CallFailed(f"the {word} in the file has no name")
        return (path, name), "PUT"

    def _one(self, row: KindOf, name: str, *, recursive: bool = False) -> Json:
        try:
            return self._client.get(row.path, name, recursive=recursive)
        except CallFailed as error:
            if error.text == "Not Found":
                raise CallFailed(f'there is no {row.word} "{name}"') from error
            raise

    def _table(self, row: KindOf, items: list[Item]) -> None:
        if not items:
            self._screen.say(f"no {row.path}")
            return
        self._screen.table(
            list(row.columns), [[show(item) for show in row.columns.values()] for item in items]
        )

    def _done(self, word: str) -> None:
        if self._form == "table":
            self._screen.say(word)
        else:
            self._print({"status": 200, "message": "OK"})

    def _print(self, value: Json) -> None:
        if self._form == "json":
            self._screen.say(json.dumps(value, indent=2, ensure_ascii=False))
            return
        import yaml

        shown: Any = value
        self._screen.say(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip())


def _kind(word: str) -> KindOf:
    row = KINDS.get(word.lower())
    if row is None:
        raise CallFailed(f'there is no kind "{word}"; kinds are {", ".join((*WORDS, *SETTINGS))}')
    return row


def _items(value: Json) -> list[Item]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
