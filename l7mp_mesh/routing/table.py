"""Rule tables: first match wins, and the outcome is a route or another table.

Names are late-bound: a table holds cells, and what a cell holds may come, change and go. The index is only
a faster way to the same answer: long runs of rules that ask one field for strings and prefixes become a
dictionary, or one per length of a prefix.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from l7mp_mesh.model.rules import Rule
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.routing.leaf import Starts, Test
from l7mp_mesh.routing.predicates import compile_predicate
from l7mp_mesh.routing.rewrite import Edit, compile_rewrites

T = TypeVar("T")

MAX_HOPS: Final = 64
"""So many tables may be passed by one look-up."""

MIN_RUN: Final = 4
"""Shorter runs are scanned."""


class Edits:
    """Counts the changes of all cells: equal counts mean that nothing has changed in between."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


EDITS: Final = Edits()


class Cell(Generic[T]):
    """What a name stands for at the moment; read `value` at use, change it by `set`."""

    __slots__ = ("__weakref__", "name", "value")

    def __init__(self, name: str, value: T | None = None) -> None:
        self.name = name
        self.value: T | None = value

    def set(self, value: T | None) -> None:
        """Bind the name to another value, or to none."""
        self.value = value
        EDITS.count += 1


class CompiledRule(Generic[T]):
    """If `test` then `edit`, and go on by `apply` (which takes precedence) or `route`.

    `hits` counts the look-ups that it decided or passed on.
    """

    __slots__ = ("apply", "edit", "hits", "name", "route", "test")

    def __init__(
        self,
        name: str,
        test: Test,
        edit: Edit | None = None,
        route: Cell[T] | None = None,
        apply: Cell[RuleTable[T]] | None = None,
    ) -> None:
        self.name = name
        self.test = test
        self.edit = edit
        self.route = route
        self.apply = apply
        self.hits = 0


class Found(Generic[T]):
    """Outcome of a look-up: the rule that decided, its table, and the cell of the route.

    Without a route `why` says what is wrong.
    """

    __slots__ = ("route", "rule", "table", "why")

    def __init__(self, route: Cell[T] | None, rule: str, table: str, why: str = "") -> None:
        self.route = route
        self.rule = rule
        self.table = table
        self.why = why

    def __repr__(self) -> str:
        outcome = self.route.name if self.route is not None else self.why
        return f"Found({self.table}/{self.rule}: {outcome})"


class Run(Generic[T]):
    """Consecutive rules, scanned in order."""

    __slots__ = ("rules",)

    def __init__(self, rules: list[CompiledRule[T]]) -> None:
        self.rules = rules

    def match(self, attributes: Attributes) -> CompiledRule[T] | None:
        """The first rule that matches."""
        for rule in self.rules:
            if rule.test.matches(attributes):
                return rule
        return None


class Entry(Generic[T]):
    """A rule under one of its keys: the place in its run, and what remains to be asked, if anything."""

    __slots__ = ("place", "rest", "rule")

    def __init__(self, place: int, rule: CompiledRule[T]) -> None:
        self.place = place
        self.rule = rule
        self.rest = rule.test.rest()


class IndexedRun(Run[T]):
    """Consecutive rules that all begin with a comparison of one field with a string, or with a prefix."""

    __slots__ = ("by_key", "by_prefix", "field", "ignore_case")

    def __init__(self, rules: list[CompiledRule[T]]) -> None:
        super().__init__(rules)
        first = rules[0].test.keys()[0]
        self.field = first.field
        self.ignore_case = first.ignore_case
        self.by_key: dict[str, list[Entry[T]]] = {}
        lengths: dict[int, dict[str, list[Entry[T]]]] = {}
        for place, rule in enumerate(rules):
            entry = Entry(place, rule)
            for key in rule.test.keys():  # noqa: SIM118 - no mapping
                text = key.text
                entries = lengths.setdefault(len(text), {}) if isinstance(key, Starts) else self.by_key
                entries.setdefault(text, []).append(entry)
        self.by_prefix = list(lengths.items())

    def match(self, attributes: Attributes) -> CompiledRule[T] | None:
        data = self.field.read(attributes)
        if not isinstance(data, str):
            return None
        if self.ignore_case:
            data = data.lower()
        found = _first(self.by_key.get(data), attributes, None)
        for length, entries in self.by_prefix:
            found = _first(entries.get(data[:length]), attributes, found)
        return None if found is None else found.rule


def _first(entries: list[Entry[T]] | None, attributes: Attributes, best: Entry[T] | None) -> Entry[T] | None:
    """The first of `entries` that matches, if it comes before `best`; else `best`."""
    if entries is not None:
        for entry in entries:
            if best is not None and best.place <= entry.place:
                break
            if entry.rest is None or entry.rest.matches(attributes):
                return entry
    return best


class RuleTable(Generic[T]):
    """A rule list, compiled; another order or other names make another table.

    `stale` is the number of names on the list that stood for no rule when it was last looked up; such names
    are passed over.
    """

    __slots__ = ("_edits", "_runs", "_seen", "name", "rules", "stale")

    def __init__(self, name: str, rules: list[Cell[CompiledRule[T]]]) -> None:
        self.name = name
        self.rules = rules
        self.stale = 0
        self._edits = -1
        self._seen: list[CompiledRule[T] | None] = []
        self._runs: list[Run[T]] = []

    def lookup(self, attributes: Attributes) -> Found[T] | None:
        """The decision for a session, None when no rule matches. Rewrites its metadata on the way.

        `apply` is final: when the other table has no match, neither has this one.
        """
        table = self
        trail = [table.name]
        while True:
            rule = table.match(attributes)
            if rule is None:
                return None
            rule.hits += 1
            if rule.edit is not None:
                rule.edit.apply(attributes)
            if rule.apply is None:
                why = "" if rule.route is not None else "Invalid route for session"
                return Found(rule.route, rule.name, table.name, why)
            following = rule.apply.value
            if following is None:
                return Found(None, rule.name, table.name, f"No such rule list: {rule.apply.name}")
            if len(trail) == MAX_HOPS:
                return Found(None, rule.name, table.name, _loop(trail, following.name))
            table = following
            trail.append(table.name)

    def match(self, attributes: Attributes) -> CompiledRule[T] | None:
        """The first rule of this table that matches; changes nothing."""
        if self._edits != EDITS.count:
            self._refresh()
        for run in self._runs:
            rule = run.match(attributes)
            if rule is not None:
                return rule
        return None

    def _refresh(self) -> None:
        """Make the index again, unless what changed was elsewhere."""
        self._edits = EDITS.count
        now = [cell.value for cell in self.rules]
        if len(now) != len(self._seen) or not _are_identical(now, self._seen):
            self._seen = now
            present = [rule for rule in now if rule is not None]
            self.stale = len(now) - len(present)
            self._runs = index(present)


def index(rules: list[CompiledRule[T]]) -> list[Run[T]]:
    """`rules` as runs that, asked in order, answer as a scan would."""
    runs: list[Run[T]] = []
    plain: list[CompiledRule[T]] = []
    start = 0
    while start < len(rules):
        end = _end_of_run(rules, start)
        if end - start < MIN_RUN:
            plain.extend(rules[start:end])
        else:
            if plain:
                runs.append(Run(plain))
                plain = []
            runs.append(IndexedRun(rules[start:end]))
        start = end
    if plain:
        runs.append(Run(plain))
    return runs


def _end_of_run(rules: list[CompiledRule[T]], start: int) -> int:
    """Behind the last rule, from `start` on, that compares the same field with a string in the same way."""
    first = rules[start].test.keys()
    end = start + 1
    while first and end < len(rules):
        keys = rules[end].test.keys()
        if not keys or not keys[0].is_like(first[0]):
            break
        end += 1
    return end


def _are_identical(one: list[CompiledRule[T] | None], other: list[CompiledRule[T] | None]) -> bool:
    return all([left is right for left, right in zip(one, other, strict=True)])  # noqa: C419


def _loop(trail: list[str], again: str) -> str:
    if again not in trail:
        return f"more than {MAX_HOPS} rule lists apply one another: {trail[0]}, ..., {again}"
    last = len(trail) - 1 - trail[::-1].index(again)
    return "rule lists apply each other in a loop: " + ", ".join([*trail[last:], again])


def compile_rule(
    rule: Rule, route: Cell[T] | None = None, apply: Cell[RuleTable[T]] | None = None
) -> CompiledRule[T]:
    """`rule` with the cells of the route and the rule list that it names."""
    return CompiledRule(
        rule.name, compile_predicate(rule.match), compile_rewrites(rule.rewrites), route, apply
    )
