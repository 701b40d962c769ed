from __future__ import annotations

from copy import deepcopy

import pytest

from l7mp_mesh.pipe.head import UNKNOWN_LENGTH, RequestHead
from l7mp_mesh.pipe.headers import Headers
from l7mp_mesh.ports.attributes import Attributes, Json, Peer, Tree
from l7mp_mesh.routing.request import request_from, rewritten_head

PEER = Peer("TCP", "10.0.0.1", 4000, "10.0.0.2", 80)


def attributes_of(http: Json, head: RequestHead | None = None) -> Attributes:
    attributes = Attributes("l", "TCP", PEER, -1, head=head)
    tree = deepcopy(attributes.tree)
    tree["HTTP"] = http
    attributes.replace(tree)
    return attributes


def request(**kwargs: bytes) -> RequestHead:
    fields = [(b"accept", b"a"), (b"accept", b"b"), (b"x_odd", b"1"), (b"cookie", b"c")]
    return RequestHead(
        kwargs.get("method", b"GET"), kwargs.get("target", b"/p?q=1"), b"example:8080", Headers(fields), 3
    )


def rewritten(change: Tree, url: Tree | None = None) -> RequestHead:
    head = request()
    attributes = Attributes("l", "HTTP", PEER, 0, head=head)
    tree = deepcopy(attributes.tree)
    http = tree["HTTP"]
    assert isinstance(http, dict)
    http.update(change)
    if url is not None:
        inner = http["url"]
        assert isinstance(inner, dict)
        inner.update(url)
    attributes.replace(tree)
    return rewritten_head(head, attributes)


def test_a_session_without_http_metadata_posts_to_the_endpoint() -> None:
    attributes = Attributes("l", "TCP", PEER, -1).towards(b"10.1.1.1:80")
    made = request_from(attributes)
    assert (made.method, made.target, made.authority) == (b"POST", b"/", b"10.1.1.1:80")
    assert made.length == UNKNOWN_LENGTH
    assert len(made.headers) == 0
    assert not attributes.has_tree


def test_metadata_say_what_the_request_is() -> None:
    made = request_from(
        attributes_of(
            {
                "method": "PUT",
                "url": {"path": "topics/x", "query": "a=1", "host": "kafka", "port": 8082},
                "headers": {
                    "content_type": "application/json",
                    "X-Count": 3,
                    "x-list": [1, "a"],
                    ":path": "/evil",
                    "Content-Length": "5",
                    "transfer_encoding": "chunked",
                    "x-none": None,
                },
            }
        ),
        7,
    )
    assert (made.method, made.target, made.authority) == (b"PUT", b"/topics/x?a=1", b"kafka:8082")
    assert made.headers.fields == [
        (b"content-type", b"application/json"),
        (b"x-count", b"3"),
        (b"x-list", b'[1,"a"]'),
    ]
    assert made.length == 7


@pytest.mark.parametrize(
    "odd", [None, 1, "x", [], {"url": 3, "headers": "x", "method": {}}, {"url": {"path": 1}}]
)
def test_metadata_of_a_wrong_type_are_passed_over(odd: Json) -> None:
    made = request_from(attributes_of(odd))
    assert (made.method, made.target, len(made.headers)) == (b"POST", b"/", 0)


def test_nothing_in_the_metadata_can_smuggle_a_second_request() -> None:
    made = request_from(
        attributes_of(
            {
                "method": "GET / HTTP/1.1\r\n",
                "url": {"path": "/a b\r\nX: 1#f\u20ac"},
                "headers": {"x": "1\r\nY: 2\x00", "bad name": "1", "x\r\ny": "1", "host": "h\r\n x"},
            }
        )
    )
    assert made.method == b"POST"
    assert made.target == b"/a%20b%0D%0AX:%201%23f%E2%82%AC"
    assert made.headers.fields == [(b"x", b"1  Y: 2")]
    assert made.authority == b"hx"


def test_a_head_that_was_not_rewritten_is_itself() -> None:
    head = request()
    assert rewritten_head(head, Attributes("l", "HTTP", PEER, 0, head=head)) is head


def test_a_rewrite_of_something_else_changes_nothing() -> None:
    made = rewritten({"labels": 1})
    head = request()
    assert (made.method, made.target, made.authority, made.length) == (b"GET", b"/p?q=1", b"example:8080", 3)
    assert made.headers == head.headers


def test_method_path_and_host_follow_a_rewrite() -> None:
    assert rewritten({"method": "DELETE"}).method == b"DELETE"
    assert rewritten({}, {"path": "/new"}).target == b"/new?q=1"
    assert rewritten({}, {"path": "/new", "query": ""}).target == b"/new"
    assert rewritten({}, {"host": "other"}).authority == b"other:8080"
    assert rewritten({"headers": {"host": "other"}}).authority == b"other"


def test_only_changed_header_fields_change() -> None:
    made = rewritten(
        {"headers": {"accept": "a, b", "x_odd": "2", "content_type": "t", "host": "example:8080"}}
    )
    assert made.headers.fields == [
        (b"accept", b"a"),
        (b"accept", b"b"),
        (b"x_odd", b"2"),
        (b"content-type", b"t"),
    ]


def test_metadata_without_an_http_section_leave_the_request_as_it_is() -> None:
    head = request()
    attributes = Attributes("l", "HTTP", PEER, 0, head=head)
    attributes.replace({"labels": 1})
    made = rewritten_head(head, attributes)
    assert (made.method, made.target, made.authority) == (b"GET", b"/p?q=1", b"example:8080")
    assert made.headers == head.headers


def test_an_empty_headers_section_takes_every_field_out() -> None:
    assert len(rewritten({"headers": {}}).headers) == 0
