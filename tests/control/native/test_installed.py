"""The vocabulary of the protocols there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from l7mp_mesh.control.native import Decoder, encode_config, installed, parse, parsed, schema

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["example2.yaml", "seed3.yaml", "seed3_session.yaml"])
def test_the_concept_documents_examples_are_accepted(name: str) -> None:
    vocabulary = installed()
    decoded = Decoder(vocabulary).config(parse((HERE / name).read_text()))
    assert decoded.errors == ()
    again = Decoder(vocabulary).config(parsed(encode_config(decoded.objects, vocabulary)))
    assert again.objects == decoded.objects


def test_every_row_has_options_that_can_be_described() -> None:
    Draft202012Validator.check_schema(schema(installed()))


def test_every_predefined_cluster_has_its_protocol() -> None:
    assert [key.name for key in installed().predefined()] == ["controller", "monitor_responder"]


def test_reading_a_configuration_does_not_import_protocols() -> None:
    code = "import sys, l7mp_mesh.control.native; sys.exit('l7mp_mesh.protocols' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
