"""A description of the API for tools: OpenAPI 3.1, made from the table of operations."""

from __future__ import annotations

import inspect
import re

from l7mp_mesh.control.native import Vocabulary, schema
from l7mp_mesh.control.rest.call import BASE
from l7mp_mesh.control.rest.table import Operation, Table
from l7mp_mesh.model.value import Json

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_HAS_BODY = ("POST", "PUT")
_SINGULAR = {
    "listeners": "listener",
    "clusters": "cluster",
    "endpoints": "endpoint",
    "rulelists": "rulelist",
    "rules": "rule",
    "routes": "route",
    "transforms": "transform",
    "admin": "admin",
}
"""Last word of a path, and the member of a body that holds the object; also its schema's name."""


def describe(table: Table, vocabulary: Vocabulary, version: str) -> Json:
    """The document."""
    definitions = schema(vocabulary)["$defs"]
    paths: dict[str, Json] = {}
    for path, methods in table:
        item: dict[str, Json] = {}
        parameters = [_in_path(name) for name in _PLACEHOLDER.findall(path)]
        if parameters:
            item["parameters"] = parameters
        for method, operation in methods.items():
            item[method.lower()] = _operation(path, method, operation)
        paths[path] = item
    return {
        "openapi": "3.1.0",
        "info": {"title": "l7mp-mesh control API", "version": version},
        "servers": [{"url": "/" + "/".join(BASE)}],
        "paths": paths,
        "components": {"schemas": _moved(definitions)},
    }


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _operation(path: str, method: str, operation: Operation) -> Json:
    responses: dict[str, Json] = {
        "200": {"description": "Done"},
        "400": {"description": "Not possible; `content` says why"},
    }
    made: dict[str, Json] = {"responses": responses}
    summary = inspect.getdoc(operation)
    if summary:
        made["summary"] = summary
    if method in _HAS_BODY:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(path)}}}
        responses["415"] = {"description": "Neither JSON nor YAML"}
        responses["422"] = {"description": "Not valid, in strict mode"}
    return made


def _body(path: str) -> Json:
    words = [part for part in path.split("/") if part and not part.startswith("{")]
    word = _SINGULAR.get(words[-1])
    if word is None:
        return {"type": "object"}
    reference: Json = {"$ref": f"#/components/schemas/{word}"}
    return {"type": "object", "properties": {word: reference}, "required": [word]}


def _moved(value: Json) -> Json:
    """Schemas with references to where they stand in this document."""
    if isinstance(value, dict):
        return {
            key: item.replace("#/$defs/", "#/components/schemas/")
            if key == "$ref" and isinstance(item, str)
            else _moved(item)
            for key, item in value.items()
        }
    return [_moved(item) for item in value] if isinstance(value, list) else value
