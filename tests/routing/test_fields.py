"""Fields read the same with and without a tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attributes import request, session, tree_of

from l7mp_mesh.ports.attributes import Json, Peer
from l7mp_mesh.ports.tree import MISSING, components, get
from l7mp_mesh.routing.fields import field

TREE: Json = {"a": {"b": [10, {"c": None}], "zero": 0}, "": 1, "5": "five"}

PATHS = (
    "/IP/src_addr",
    "/IP/dst_addr",
    "/TCP/src_port",
    "/TCP/dst_port",
    "/UDP/src_port",
    "/UDP/dst_port",
    "/UNIX/filename",
    "/HTTP/method",
    "/HTTP/url/path",
    "/HTTP/url/pathname",
    "/HTTP/url/query",
    "/HTTP/url/host",
    "/HTTP/url/port",
    "/HTTP/headers/host",
    "/HTTP/headers/x-a",
    "/HTTP/headers/X-A",
    "/HTTP/headers/x-a/deeper",
    "/HTTP/headers/\u0151",
    "/HTTP/headers",
    "/labels/x",
    "/",
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/", TREE),
        ("", TREE),
        ("/a/b/0", 10),
        ("a/b/0", 10),
        ("/a/b/0/", 10),
        ("//a//b/0", 10),
        ("/a/b/1/c", None),
        ("/5", "five"),
        ("/a/b/2", MISSING),
        ("/a/b/-1", MISSING),
        ("/a/b/x", MISSING),
        ("/a/b/\u0663", MISSING),
        ("/a/b/" + "9" * 5000, MISSING),
        ("/a/zero/b", MISSING),
        ("/a/b/1/c/d", MISSING),
        ("/nothing", MISSING),
        ("/a~1b", MISSING),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: object) -> None:
    assert get(TREE, path) == value


def test_a_path_is_its_components() -> None:
    assert components("/HTTP/headers/x/") == ("HTTP", "headers", "x")


@pytest.mark.parametrize("path", PATHS)
@given(
    target=st.binary(max_size=8) | st.sampled_from([b"/", b"/p?", b"/p?q", b"/p?q?r", b"?"]),
    authority=st.binary(max_size=8)
    | st.sampled_from([b"h", b"h:1", b"[::1]:1", b"[::1]", b"::1", b"h:", b"h:x"]),
    fields=st.lists(st.tuples(st.sampled_from([b"x-a", b"host", b"b"]), st.binary(max_size=3)), max_size=4),
)
def test_a_field_of_a_request_reads_as_in_its_tree(
    path: str, target: bytes, authority: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    attributes = request(target, authority, *fields)
    direct = field(path).read(attributes)
    assert direct == get(attributes.tree, path)
    assert field(path).read(attributes) == direct


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("transport", ["TCP", "UDP", "UNIX"])
def test_a_field_of_a_connection_reads_as_in_its_tree(path: str, transport: str) -> None:
    attributes = session(transport)
    direct = field(path).read(attributes)
    assert direct == get(attributes.tree, path)
    assert field(path).read(attributes) == direct


@pytest.mark.parametrize("path", [path for path in PATHS[:14] if path != "/HTTP/url/port"])
def test_known_fields_need_no_tree(path: str) -> None:
    attributes = request()
    field(path).read(attributes)
    assert not attributes.has_tree


def test_the_path_of_a_url_has_its_query() -> None:
    assert field("/HTTP/url/path").read(request(b"/p?x=1")) == "/p?x=1"


def test_a_rewritten_tree_is_the_truth() -> None:
    attributes = tree_of({"HTTP": {"method": "POST"}, "IP": {}})
    assert field("/HTTP/method").read(attributes) == "POST"
    assert field("/IP/src_addr").read(attributes) is MISSING


def test_the_file_name_is_that_of_the_listening_socket() -> None:
    attributes = session("UNIX")
    attributes.peer = Peer("UNIX", "", 0, "/tmp/s", 0)
    assert field("/UNIX/filename").read(attributes) == "/tmp/s"
