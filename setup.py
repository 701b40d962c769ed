"""Build step: write the descriptors of Envoy's v3 API and of `proto/` into `l7mp_mesh/api/descriptors.binpb`.

Everything else is in pyproject.toml. `python setup.py build_descriptors` runs the step alone; building a
wheel and an editable installation run it too, always in the source tree. It fails rather than
leave a file out.

The Python modules of `xds-protos` are read, never imported: beside other packages some of them can not be
(both bring an `opentelemetry`), and a file's descriptor stands in its module as one literal.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
PROTO = HERE / "proto"
TARGET = HERE / "l7mp_mesh" / "api" / "descriptors.binpb"

ROOTS = re.compile(r"(envoy/.*/v3/|envoy/annotations/|xds/|udpa/type/|google/rpc/|validate/).*_pb2\.py$")
"""Modules that are wanted for their own sake; what they import follows."""


class Collection:
    """File descriptors with everything they import, each after what it imports."""

    def __init__(self) -> None:
        self.descriptor_pb2 = importlib.import_module("google.protobuf.descriptor_pb2")
        self.set = self.descriptor_pb2.FileDescriptorSet()
        self._known: set[str] = set()
        files = metadata.distribution("xds-protos").files or []
        self._modules = {str(file): Path(str(file.locate())) for file in files}

    def add_envoy(self) -> None:
        roots = sorted(name for name in self._modules if ROOTS.match(name))
        if not roots:
            raise SystemExit("build_descriptors: the package xds-protos holds no Envoy v3 modules")
        for name in roots:
            self._add(name.removesuffix("_pb2.py") + ".proto")

    def add_own(self) -> None:
        """Compile `proto/` against what was collected so far."""
        sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
        if not sources:
            raise SystemExit(f"build_descriptors: no .proto file below {PROTO}")
        with tempfile.TemporaryDirectory() as scratch:
            known, made = Path(scratch, "known"), Path(scratch, "made")
            known.write_bytes(self.set.SerializeToString())
            options = [
                f"--proto_path={PROTO}",
                f"--descriptor_set_in={known}",
                f"--descriptor_set_out={made}",
            ]
            command = [sys.executable, "-m", "grpc_tools.protoc", *options, *sources]
            if subprocess.run(command, check=False).returncode != 0:
                raise SystemExit("build_descriptors: protoc failed on " + " ".join(sources))
            self.set.MergeFromString(made.read_bytes())

    def _add(self, name: str) -> None:
        if name in self._known:
            return
        self._known.add(name)
        file = self.descriptor_pb2.FileDescriptorProto.FromString(self._serialized(name))
        for dependency in file.dependency:
            self._add(dependency)
        self.set.file.append(file)

    def _serialized(self, name: str) -> bytes:
        module = name.removesuffix(".proto") + "_pb2"
        if name.startswith("google/protobuf/"):
            return bytes(importlib.import_module(module.replace("/", ".")).DESCRIPTOR.serialized_pb)
        path = self._modules.get(f"{module}.py")
        if path is None:
            raise SystemExit(f"build_descriptors: the package xds-protos has no {name}")
        return literal_of(path)


def literal_of(path: Path) -> bytes:
    """The serialized descriptor that a generated module registers."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="AddSerializedFile"), args=[ast.Constant(value=bytes(found))]
            ):
                return found
    raise SystemExit(f"build_descriptors: {path} registers no descriptor")


class BuildDescriptors(Command):
    """Write the descriptor set."""

    description = "collect the protobuf descriptors of Envoy and of proto/"
    user_options: list[tuple[str, str | None, str]] = []  # noqa: RUF012 - setuptools asks for a list

    def initialize_options(self) -> None: ...

    def finalize_options(self) -> None: ...

    def run(self) -> None:
        collection = Collection()
        collection.add_envoy()
        collection.add_own()
        TARGET.write_bytes(collection.set.SerializeToString(deterministic=True))


class BuildPy(build_py):
    """The modules, after the descriptors they load."""

    def run(self) -> None:
        self.run_command("build_descriptors")
        super().run()


setup(cmdclass={"build_descriptors": BuildDescriptors, "build_py": BuildPy})
