"""The documentation is true as far as a machine can tell."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(
        path for folder in ("docs", "examples", "bench", "istio") for path in (ROOT / folder).rglob("*.md")
    ),
]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
CODE = re.compile(r"`([^`\n]+)`")
SOURCE = re.compile(r"(?:[\w.]+/)*\w+\.py|(?:[\w]+/)+")
MEMBER = re.compile(r"[A-Z]\w+\.[a-z_]\w*")
GENERATED = {"protocols.md", "reference.md"}


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def by_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def members() -> set[str]:
    """Every `Class.member` of the code."""
    found = set()
    for path in [*(ROOT / "l7mp_mesh").rglob("*.py"), *(ROOT / "xds_server").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                        found.add(f"{node.name}.{each.name}")
                    elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                        found.add(f"{node.name}.{each.target.id}")
    return found


def test_generated_tables_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(prose(page)) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_source_file_that_is_named_exists(page: Path) -> None:
    named = {word for word in CODE.findall(prose(page)) if SOURCE.fullmatch(word)}
    protocols = ROOT / "l7mp_mesh" / "protocols"
    roots = (ROOT, ROOT / "l7mp_mesh", protocols, protocols / "unix", page.parent)
    assert [word for word in sorted(named) if not any((root / word).exists() for root in roots)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in GENERATED], ids=by_name)
def test_every_member_that_is_named_exists(page: Path) -> None:
    known = members()
    named = {word for word in CODE.findall(prose(page)) if MEMBER.fullmatch(word)}
    assert sorted(named - known) == []


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text()
    assert [file.name for file in files if f"({file.name})" not in listed] == []


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "decisions").glob("0*.md")), ids=by_name)
def test_a_decision_says_context_decision_and_consequence(file: Path) -> None:
    text = file.read_text()
    assert [part for part in ("**Context.**", "**Decision.**", "**Consequence.**") if part not in text] == []


def test_code_shown_for_a_protocol_is_the_code() -> None:
    page = (ROOT / "docs" / "adding-a-protocol.md").read_text()
    folder = ROOT / "l7mp_mesh" / "protocols"
    code = "\n".join(path.read_text() for path in [folder / "__init__.py", *(folder / "unix").glob("*.py")])
    blocks = re.findall(r"^```(?:python)?\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [block for block in blocks if "Recorder" not in block and block.strip() not in code] == []


def test_code_shown_for_a_transform_is_that_of_the_example() -> None:
    page = (ROOT / "docs" / "writing-a-transform.md").read_text()
    example = (ROOT / "examples" / "shout.py").read_text()
    shown = re.search(r"^class Shout.*?(?=^```)", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert shown[0] in example


def test_the_changelog_has_a_sentence_per_change() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    changes = re.split(r"^- ", text.partition("## Unreleased")[2], flags=re.MULTILINE)[1:]
    assert [change for change in changes if not change.rstrip().endswith(".")] == []
