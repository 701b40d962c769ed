"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T", bound=ast.AST)

ROOT = Path(__file__).resolve().parent.parent
CODE = ("l7mp_mesh", "xds_server")
EVERYWHERE = (*CODE, "tests", "bench", "examples", "docs")

LONGEST = 400
"""Lines of a module."""

LONGEST_FUNCTION = 60
"""Lines of a function."""
MOST_METHODS = 15
"""Public methods that a class has of its own."""
VAGUE = re.compile(r"(Manager|Handler|Helper|Utils?|Data|Info)$")
"""Endings of class names that say nothing."""

CATCH_ALL = {"l7mp_mesh/pipe/guard.py", "l7mp_mesh/io/tasks.py"}
"""Modules that may catch `Exception`: the border to foreign code, and the owner of tasks."""

VERSION_WITHIN = 0.15
"""Seconds for `l7mp-mesh version` on an idle machine; a test gives it five times as much."""

HEAVY = {"grpc", "yaml", "uvloop", "asyncio", "google.protobuf", "httptools", "prometheus_client"}
"""Modules that `version` has no use for."""

TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".proto", ".json", ".in", ".cfg", ""}
"""Suffixes of files that people read."""


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def handlers(path: Path) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            yield node


def texts() -> Iterator[Path]:
    """Every file of the repository that people read, this one excepted."""
    hidden = re.compile(r"(\.(?!ci$|gitignore$).*|__pycache__|build|dist|.*\.egg-info)$")
    for folder, below, files in os.walk(ROOT):
        below[:] = [each for each in below if not hidden.match(each)]
        for each in files:
            path = Path(folder, each)
            if path.suffix in TEXT and path != Path(__file__) and not hidden.match(each):
                yield path


def test_no_module_is_longer_than_it_may_be() -> None:
    lengths = {
        name(path): path.read_text().count("\n") for path in [*modules(*EVERYWHERE), ROOT / "setup.py"]
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def nodes(kind: type[T], *folders: str) -> Iterator[tuple[str, T]]:
    """Syntax nodes of a kind, each with its place."""
    for path in modules(*folders):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kind):
                yield f"{name(path)}:{getattr(node, 'lineno', 0)}", node


def test_no_function_is_longer_than_it_may_be() -> None:
    functions = [*nodes(ast.FunctionDef, *CODE), *nodes(ast.AsyncFunctionDef, *CODE)]
    lengths = {f"{place} {node.name}": (node.end_lineno or 0) - node.lineno + 1 for place, node in functions}
    assert {place: lines for place, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def methods_of(node: ast.ClassDef) -> set[str]:
    """Public methods that a class defines; properties are values to whoever reads them."""
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    plain = [each for each in functions if "property" not in map(ast.unparse, each.decorator_list)]
    return {each.name for each in plain if not each.name.startswith("_")}


def inherited(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Public methods of all bases, of ours and of asyncio."""
    found: set[str] = set()
    for base in map(ast.unparse, node.bases):
        known = classes.get(base.partition("[")[0])
        if known is not None:
            found |= methods_of(known) | inherited(known, classes)
        elif base.startswith("asyncio."):
            found |= set(dir(getattr(asyncio, base.removeprefix("asyncio."))))
    return found


def test_no_class_has_more_methods_of_its_own_than_it_may() -> None:
    places = dict(nodes(ast.ClassDef, *CODE))
    classes = {node.name: node for node in places.values()}
    counts = {
        f"{place} {node.name}": len(methods_of(node) - inherited(node, classes))
        for place, node in places.items()
    }
    assert {place: count for place, count in counts.items() if count > MOST_METHODS} == {}


def test_class_names_say_something() -> None:
    assert [place for place, node in nodes(ast.ClassDef, *CODE) if VAGUE.search(node.name)] == []


def test_exception_is_caught_in_two_modules_only() -> None:
    def catches_all(handler: ast.ExceptHandler) -> bool:
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        return any(each is None or (isinstance(each, ast.Name) and each.id == "Exception") for each in caught)

    found = {name(path) for path in modules(*CODE) if any(map(catches_all, handlers(path)))}
    assert found == CATCH_ALL


def test_no_error_is_passed_over_in_silence() -> None:
    silent = [
        f"{name(path)}:{handler.lineno}"
        for path in modules(*EVERYWHERE)
        for handler in handlers(path)
        if all(isinstance(each, ast.Pass) for each in handler.body)
    ]
    assert silent == []


def test_every_module_says_what_it_is() -> None:
    assert [
        name(path) for path in modules(*CODE) if ast.get_docstring(ast.parse(path.read_text())) is None
    ] == []


def test_every_package_has_an_init() -> None:
    folders = {path.parent for path in modules(*CODE)}
    assert [name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [name(path) for path in texts() if path.name != "LICENSE" and later.search(path.read_text())]
    assert found == []


def test_no_path_of_anybodys_machine_is_written_down() -> None:
    machine = re.compile(r"(?<![\w.])/(home|root|Users|work)/\w")
    assert [name(path) for path in texts() if machine.search(path.read_text())] == []


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(tool), "--no-cache"],
        check=False,
        cwd=tree,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tree)},
        timeout=60,
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for folder in CODE:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__", "*.binpb"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def test_import_rules_are_kept(copied: Path) -> None:
    done = lint_imports(copied)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("l7mp_mesh/pipe/verbs.py", "import asyncio"),
        ("l7mp_mesh/routing/table.py", "import l7mp_mesh.io.clock"),
        ("l7mp_mesh/protocols/websocket/codec.py", "import ssl"),
        ("l7mp_mesh/session/flow.py", "import l7mp_mesh.protocols.tcp.acceptor"),
        ("l7mp_mesh/upstream/cluster.py", "import socket"),
        ("l7mp_mesh/control/yaml/source.py", "import l7mp_mesh.control.xds.source"),
        ("l7mp_mesh/runtime/names.py", "import l7mp_mesh.api"),
        ("l7mp_mesh/model/value.py", "import l7mp_mesh.ports.leg"),
    ],
)
def test_import_rules_fail_when_broken(copied: Path, module: str, forbidden: str) -> None:
    broken = copied / module
    before = broken.read_text()
    broken.write_text(f"{before}\n{forbidden}\n")
    try:
        done = lint_imports(copied)
    finally:
        broken.write_text(before)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout


def test_a_new_package_must_be_placed_on_purpose(copied: Path) -> None:
    new = copied / "l7mp_mesh" / "novelty"
    new.mkdir()
    (new / "__init__.py").write_text('"""Nobody said where it belongs."""\n')
    try:
        assert lint_imports(copied).returncode != 0
    finally:
        shutil.rmtree(new)


def test_version_answers_at_once() -> None:
    def once() -> float:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "l7mp_mesh", "version"], check=True, cwd=ROOT, capture_output=True
        )
        return time.perf_counter() - begin

    assert min(once() for _ in range(3)) < VERSION_WITHIN * 5


def test_version_imports_nothing_heavy() -> None:
    show = "import sys; from l7mp_mesh.app.cli import main; main(['version']); print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", show], check=True, cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.startswith("l7mp-mesh ")
    assert HEAVY.isdisjoint(done.stdout.split())
