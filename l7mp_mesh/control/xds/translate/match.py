"""envoy.config.route.v3.RouteMatch as a predicate over the metadata of a request."""

from __future__ import annotations

from l7mp_mesh import api
from l7mp_mesh.control.xds.translate.fields import only, required, under
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.match import All, Always, AnyOf, Compare, NoneOf, Op, Predicate
from l7mp_mesh.routing.regex import BadRegex, Regex

PATH = "/HTTP/url/pathname"
"""Without the query: Envoy's path matchers never see it."""

PSEUDO = {
    ":method": "/HTTP/method",
    ":authority": "/HTTP/headers/host",
    ":path": "/HTTP/url/path",
    ":scheme": "/HTTP/url/protocol",
}
"""Pseudo headers to fields; `:path` includes the query."""

PATTERNS = {"exact": Op.TEST, "prefix": Op.STARTS, "suffix": Op.ENDS, "contains": Op.CONTAINS}
"""Patterns of a StringMatcher that hold a plain string."""


def route_match(wanted: api.Proto, path: str) -> Predicate:
    """Path and headers, all of which must match."""
    only(wanted, path, "prefix", "path", "safe_regex", "path_separated_prefix", "case_sensitive", "headers")
    ignore_case = wanted.HasField("case_sensitive") and not wanted.case_sensitive.value
    found = [_path(wanted, path, ignore_case=ignore_case)]
    for index, header in enumerate(wanted.headers):
        found.append(_header(header, under(path, f"headers[{index}]")))
    parts = tuple(part for part in found if part != Always())
    return (parts[0] if len(parts) == 1 else All(parts)) if parts else Always()


def _path(wanted: api.Proto, path: str, *, ignore_case: bool) -> Predicate:
    kind = wanted.WhichOneof("path_specifier")
    if kind == "safe_regex":
        return Compare(Op.FULL_MATCH, PATH, _regex(wanted.safe_regex, under(path, kind)))
    if kind not in ("prefix", "path", "path_separated_prefix"):
        raise ConfigError(path, "expected `prefix`, `path`, `path_separated_prefix` or `safe_regex`")
    text = getattr(wanted, kind)
    if kind == "prefix":
        # "/" is how every path begins, "" how everything does.
        return Compare(Op.STARTS, PATH, text, ignore_case) if text not in ("", "/") else Always()
    whole = Compare(Op.TEST, PATH, text, ignore_case)
    if kind == "path":
        return whole
    return AnyOf((whole, Compare(Op.STARTS, PATH, f"{text}/", ignore_case)))


def _regex(matcher: api.Proto, path: str) -> str:
    only(matcher, path, "regex", "google_re2")
    here = under(path, "regex")
    text = required(matcher.regex, here)
    try:
        Regex(text)
    except BadRegex as error:
        raise ConfigError(here, f"not a regular expression: {error.why}") from error
    return text


def _header(header: api.Proto, path: str) -> Predicate:
    name = required(header.name, under(path, "name")).lower()
    if header.treat_missing_header_as_empty:
        raise ConfigError(under(path, "treat_missing_header_as_empty"), "not supported")
    if name.startswith(":") and name not in PSEUDO:
        raise ConfigError(under(path, "name"), f"not supported: {name}, only {', '.join(PSEUDO)}")
    field = PSEUDO.get(name, f"/HTTP/headers/{name}")
    kind = header.WhichOneof("header_match_specifier") or "present_match"
    present = Compare(Op.DEFINED, field)
    if kind == "present_match":
        is_wanted = header.present_match or header.WhichOneof("header_match_specifier") is None
        return present if is_wanted != header.invert_match else Compare(Op.UNDEFINED, field)
    value = _value(header, kind, field, path)
    # Inverted or not, a value matcher never matches a request without the header.
    return All((present, NoneOf((value,)))) if header.invert_match else value


def _value(header: api.Proto, kind: str, field: str, path: str) -> Predicate:
    here = under(path, kind)
    if kind == "string_match":
        return _string(header.string_match, field, here)
    if kind == "safe_regex_match":
        return Compare(Op.FULL_MATCH, field, _regex(header.safe_regex_match, here))
    op = PATTERNS.get(kind.removesuffix("_match"))
    if op is None:
        raise ConfigError(here, "not supported")
    return Compare(op, field, getattr(header, kind))


def _string(matcher: api.Proto, field: str, path: str) -> Predicate:
    kind = matcher.WhichOneof("match_pattern")
    if kind is None:
        raise ConfigError(path, f"expected {', '.join(PATTERNS)} or safe_regex")
    if kind == "safe_regex":
        # RE2 has no flag for it: Envoy ignores `ignore_case` here.
        return Compare(Op.FULL_MATCH, field, _regex(matcher.safe_regex, under(path, kind)))
    op = PATTERNS.get(kind)
    if op is None:
        raise ConfigError(under(path, kind), "not supported")
    return Compare(op, field, getattr(matcher, kind), matcher.ignore_case)
