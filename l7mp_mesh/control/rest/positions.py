"""Rules by their position on a rule list."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from l7mp_mesh.control.native import Dump
from l7mp_mesh.control.rest.call import Call
from l7mp_mesh.control.rest.editor import Editor
from l7mp_mesh.control.rest.ownership import orphans
from l7mp_mesh.control.rest.reply import OK, Refused
from l7mp_mesh.model.rules import RuleList
from l7mp_mesh.model.snapshot import Key, Kind, Object
from l7mp_mesh.model.value import Json

_MAX_DIGITS = 9


class Positions:
    """`/rulelists/{name}/rules/{position}`."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    async def show(self, call: Call) -> Json:
        """The rule at a position."""
        rulelist, index = self._list(call), _index(call.names[1])
        if index is None or index >= len(rulelist.rules):
            raise Refused(
                HTTPStatus.BAD_REQUEST, f'No rule at position {call.names[1]} in RuleList "{rulelist.name}"'
            )
        dump = Dump(self._editor.snapshot, self._editor.vocabulary, recursive=call.recursive)
        return dump.one(Key(Kind.RULE, rulelist.rules[index]))

    async def insert(self, call: Call) -> Json:
        """Insert a rule, or the name of one, before a position."""
        source = call.source()
        editor = self._editor
        async with editor.lock:
            rulelist, index = self._list(call), _index(call.names[1])
            if index is None or index > len(rulelist.rules):
                raise Refused(
                    HTTPStatus.BAD_REQUEST, f"Cannot insert rule at position {call.names[1]} into rulelist"
                )
            decoded = editor.decoder().body(Kind.RULE, source, owner=rulelist.name)
            editor.check("add rule", decoded)
            assert decoded.main is not None, "a body without problems is about something"
            editor.check_new("add rule", decoded.objects)
            key = Key(Kind.RULELIST, rulelist.name)
            editor.check_names({**decoded.objects, key: replace(rulelist, rules=(decoded.main.name,))})
            rules = (*rulelist.rules[:index], decoded.main.name, *rulelist.rules[index:])
            changed: dict[Key, Object] = {**decoded.objects, key: replace(rulelist, rules=rules)}
            await editor.apply("add rule", changed, main=decoded.main)
        return OK

    async def unlink(self, call: Call) -> Json:
        """Take a rule off the list; recursively also delete it, if it was written there."""
        editor = self._editor
        async with editor.lock:
            rulelist = self._list(call)
            index = _find(rulelist, call.names[1])
            if index is None:
                raise Refused(HTTPStatus.BAD_REQUEST, f"No rule {call.names[1]} on rulelist {rulelist.name}")
            rules = (*rulelist.rules[:index], *rulelist.rules[index + 1 :])
            key = Key(Kind.RULELIST, rulelist.name)
            changed: dict[Key, Object] = {key: replace(rulelist, rules=rules)}
            gone: set[Key] = set()
            if call.recursive:
                rule = Key(Kind.RULE, rulelist.rules[index])
                gone = orphans({**editor.snapshot.objects, **changed}, (), [rule])
            await editor.apply("delete rule", changed, gone, main=key)
        return OK

    def _list(self, call: Call) -> RuleList:
        found = self._editor.snapshot.objects.get(Key(Kind.RULELIST, call.names[0]))
        if not isinstance(found, RuleList):
            raise Refused(HTTPStatus.BAD_REQUEST, f"No such rule list: {call.names[0]}")
        return found


def _index(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def _find(rulelist: RuleList, text: str) -> int | None:
    """A position, or a rule's name; a position if it can be both."""
    index = _index(text)
    if index is not None and index < len(rulelist.rules):
        return index
    return rulelist.rules.index(text) if text in rulelist.rules else None
