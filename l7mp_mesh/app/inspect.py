"""`l7mp-mesh validate` and `l7mp-mesh schema`."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from l7mp_mesh.app import bootstrap
from l7mp_mesh.control.native import installed, parse
from l7mp_mesh.control.native import schema as make_schema
from l7mp_mesh.control.native import validate as find_problems


def validate(file: str, *, as_json: bool, strict: bool) -> int:
    """Print every problem of a configuration file or a bootstrap; 0 if it can be used, 1 if not."""
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        print(f"{file}: can not be read: {error.strerror or error}", file=sys.stderr)
        return 1
    source = parse(text, "<stdin>" if file == "-" else file)
    if bootstrap.is_bootstrap(source):
        problems = bootstrap.find_problems(source)
    else:
        problems = find_problems(text, source.file, installed(), strict=strict)
    errors = [problem for problem in problems if not problem.is_warning]
    if as_json:
        rows = [dataclasses.asdict(problem) for problem in problems]
        print(json.dumps({"valid": not errors, "problems": rows}, indent=2))
    else:
        for problem in problems:
            print(problem)
        if not errors:
            print(f"{file}: valid")
    return 1 if errors else 0


def schema() -> int:
    """Print the JSON Schema of native configurations."""
    print(json.dumps(make_schema(installed()), indent=2))
    return 0
