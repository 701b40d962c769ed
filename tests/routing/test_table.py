"""Rule tables decide as a plain scan would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.attributes import request, session

from l7mp_mesh.model.match import All, Always, AnyOf, Compare, Op, Predicate
from l7mp_mesh.model.rules import Rule, SetValue
from l7mp_mesh.ports.attributes import Attributes
from l7mp_mesh.routing.predicates import compile_predicate
from l7mp_mesh.routing.table import Cell, CompiledRule, RuleTable, compile_rule

Route = str
"""What a table leads to does not matter to it."""


def cell(
    name: str,
    match: Predicate = Always(),
    *,
    route: str | None = "r",
    apply: Cell[RuleTable[Route]] | None = None,
    labels: int | None = None,
) -> Cell[CompiledRule[Route]]:
    rewrites = () if labels is None else (SetValue("/labels/id", labels),)
    target = None if route is None else Cell(f"{route}", route)
    return Cell(name, compile_rule(Rule(name, match, rewrites), target, apply))


def decision(table: RuleTable[Route], attributes: Attributes) -> str | None:
    found = table.lookup(attributes)
    return None if found is None else found.rule


def host(name: str) -> Compare:
    return Compare(Op.TEST, "/HTTP/url/host", name)


def test_the_first_match_wins() -> None:
    table = RuleTable(
        "t", [cell("no", Compare(Op.DEFINED, "/x")), cell("one", route="a"), cell("two", route="b")]
    )
    found = table.lookup(session())
    assert found is not None
    assert found.route is not None
    assert (found.route.value, found.rule, found.table, found.why) == ("a", "one", "t", "")


def test_no_match_is_nothing() -> None:
    assert RuleTable[Route]("t", []).lookup(session()) is None
    assert RuleTable("t", [cell("no", Compare(Op.DEFINED, "/x"))]).lookup(session()) is None


def test_a_rule_without_a_route_says_so() -> None:
    found = RuleTable("t", [cell("one", route=None)]).lookup(session())
    assert found is not None
    assert found.route is None
    assert found.why == "Invalid route for session"


def test_a_stale_name_is_passed_over_and_counted() -> None:
    late: Cell[CompiledRule[Route]] = Cell("late")
    table = RuleTable("t", [late, cell("two")])
    assert decision(table, session()) == "two"
    assert table.stale == 1
    late.set(cell("late").value)
    assert decision(table, session()) == "late"
    assert table.stale == 0
    late.set(None)
    assert decision(table, session()) == "two"


def test_another_list_decides_finally() -> None:
    empty: Cell[RuleTable[Route]] = Cell("other", RuleTable("other", []))
    table = RuleTable("t", [cell("jump", apply=empty), cell("never")])
    assert table.lookup(session()) is None
    empty.set(RuleTable("other", [cell("there")]))
    found = table.lookup(session())
    assert found is not None
    assert (found.rule, found.table) == ("there", "other")


def test_a_rule_rewrites_also_when_it_defers() -> None:
    other = Cell("other", RuleTable("other", [cell("there", Compare(Op.TEST, "/labels/id", 5))]))
    attributes = session()
    assert decision(RuleTable("t", [cell("jump", apply=other, labels=5)]), attributes) == "there"
    assert attributes.tree["labels"] == {"id": 5}


def test_a_missing_list_is_named() -> None:
    found = RuleTable("t", [cell("jump", apply=Cell("gone"))]).lookup(session())
    assert found is not None
    assert (found.route, found.rule, found.why) == (None, "jump", "No such rule list: gone")


def test_lists_that_apply_each_other_end_in_an_error() -> None:
    a: Cell[RuleTable[Route]] = Cell("a")
    b = Cell("b", RuleTable("b", [cell("to-a", apply=a)]))
    a.set(RuleTable("a", [cell("to-b", apply=b)]))
    assert a.value is not None
    found = RuleTable("start", [cell("to-a", apply=a)]).lookup(session())
    assert found is not None
    assert found.route is None
    assert found.why in (
        "rule lists apply each other in a loop: a, b, a",
        "rule lists apply each other in a loop: b, a, b",
    )


def test_a_list_that_applies_itself_ends_in_an_error() -> None:
    a: Cell[RuleTable[Route]] = Cell("a")
    a.set(RuleTable("a", [cell("again", apply=a)]))
    assert a.value is not None
    found = a.value.lookup(session())
    assert found is not None
    assert found.why == "rule lists apply each other in a loop: a, a"


def test_a_chain_of_lists_may_be_long() -> None:
    following = Cell("t0", RuleTable("t0", [cell("end")]))
    for number in range(1, 64):
        following = Cell(f"t{number}", RuleTable(f"t{number}", [cell("on", apply=following)]))
    assert following.value is not None
    assert decision(following.value, session()) == "end"


def test_an_index_follows_a_rule_that_changes() -> None:
    cells = [cell(f"h{number}", host(f"h{number}")) for number in range(20)]
    table = RuleTable("t", [*cells, cell("else")])
    assert decision(table, request(b"/", b"h7")) == "h7"
    cells[7].set(cell("h7", host("other")).value)
    assert decision(table, request(b"/", b"h7")) == "else"
    assert decision(table, request(b"/", b"other")) == "h7"
    cells[0].set(cell("h0").value)
    assert decision(table, request(b"/", b"other")) == "h0"


def test_two_rules_of_one_key_keep_their_order() -> None:
    first = [
        cell(f"p{number}", All((host("h"), Compare(Op.STARTS, "/HTTP/url/path", f"/{number}"))))
        for number in range(9)
    ]
    table = RuleTable("t", [*first, cell("rest", host("h"))])
    assert decision(table, request(b"/3", b"h")) == "p3"
    assert decision(table, request(b"/x", b"h")) == "rest"


def under(path: str) -> Compare:
    return Compare(Op.STARTS, "/HTTP/url/path", path)


def test_of_two_prefixes_the_first_wins_not_the_longest() -> None:
    cells = [cell(path, under(path)) for path in ("/c/", "/a/b/", "/a/", "/a/b/c/", "/")]
    table = RuleTable("t", cells)
    assert decision(table, request(b"/a/b/c/d", b"h")) == "/a/b/"
    assert decision(table, request(b"/a/c", b"h")) == "/a/"
    assert decision(table, request(b"/b", b"h")) == "/"


def test_prefixes_and_whole_paths_keep_their_order() -> None:
    whole = Compare(Op.TEST, "/HTTP/url/path", "/a/x")
    either = AnyOf((Compare(Op.TEST, "/HTTP/url/path", "/b"), under("/b/")))
    cells = [cell("b", either), cell("x", whole), cell("a", under("/a/")), cell("never", whole)]
    table = RuleTable("t", [*cells, cell("all", under("/"))])
    for path, rule in {b"/a/x": "x", b"/a/y": "a", b"/b": "b", b"/b/c": "b", b"/bc": "all"}.items():
        assert decision(table, request(path, b"h")) == rule


PREDICATES = st.one_of(
    st.builds(
        Compare,
        st.just(Op.TEST),
        st.sampled_from(["/HTTP/url/host", "/HTTP/method"]),
        st.sampled_from(["a", "A", "b", "GET", 1]),
        st.booleans(),
    ),
    st.just(Always()),
    st.builds(
        Compare,
        st.sampled_from([Op.STARTS, Op.STARTS, Op.TEST, Op.ENDS]),
        st.sampled_from(["/HTTP/url/path", "/HTTP/url/pathname"]),
        st.sampled_from(["", "/", "/a", "/A", "/ab", "/b", "/b?q", 1]),
        st.booleans(),
    ),
)
MATCHES = st.one_of(
    PREDICATES,
    st.builds(All, st.lists(PREDICATES, max_size=3).map(tuple)),
    st.builds(AnyOf, st.lists(PREDICATES, max_size=3).map(tuple)),
)
RUNS = st.lists(st.tuples(MATCHES, st.integers(1, 12)), max_size=6)


@given(
    runs=RUNS,
    stale=st.sets(st.integers(0, 72)),
    changed=st.dictionaries(st.integers(0, 72), MATCHES, max_size=3),
    target=st.sampled_from([b"/", b"/a", b"/A", b"/abc", b"/b?q"]),
    authority=st.sampled_from([b"a", b"A", b"b:80", b"c"]),
)
def test_an_indexed_table_agrees_with_a_scan(
    runs: list[tuple[Predicate, int]],
    stale: set[int],
    changed: dict[int, Predicate],
    target: bytes,
    authority: bytes,
) -> None:
    matches: list[Predicate | None] = [match for match, count in runs for _ in range(count)]
    cells: list[Cell[CompiledRule[Route]]] = []
    for number, match in enumerate(matches):
        assert match is not None
        cells.append(cell(f"{number}", match))
        if number in stale:
            matches[number] = None
            cells[-1].set(None)
    table = RuleTable("t", cells)
    assert decision(table, request(target, authority)) == scan(matches, request(target, authority))
    for number, match in changed.items():
        if number < len(cells):
            matches[number] = match
            cells[number].set(cell(f"{number}", match).value)
    assert decision(table, request(target, authority)) == scan(matches, request(target, authority))


def scan(matches: list[Predicate | None], attributes: Attributes) -> str | None:
    """The oracle: ask one rule after the other."""
    for number, match in enumerate(matches):
        if match is not None and compile_predicate(match).matches(attributes):
            return f"{number}"
    return None
