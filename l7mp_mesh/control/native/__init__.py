"""The L7mp dialect, one decoder for YAML files, JSON and REST bodies, and its inverse.

text ─parse→ Source ─Decoder→ Decoded(objects, problems)
objects ─encode_config→ JSON value,  Snapshot ─Dump→ what the control API shows
"""

from l7mp_mesh.control.native.decode import Decoded, Decoder
from l7mp_mesh.control.native.dump import Dump
from l7mp_mesh.control.native.encode import encode, encode_config
from l7mp_mesh.control.native.names import Names
from l7mp_mesh.control.native.schema import schema
from l7mp_mesh.control.native.source import Format, Source, parse, parsed, steps
from l7mp_mesh.control.native.validate import validate
from l7mp_mesh.control.native.vocabulary import Vocabulary, installed

__all__ = [
    "Decoded",
    "Decoder",
    "Dump",
    "Format",
    "Names",
    "Source",
    "Vocabulary",
    "encode",
    "encode_config",
    "installed",
    "parse",
    "parsed",
    "schema",
    "steps",
    "validate",
]
