"""Options of UNIX sockets."""

from __future__ import annotations

import pytest

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.protocols.unix.options import UnixListenerOptions


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(ConfigError, match="NUL"):
        UnixListenerOptions(filename="a\0b")
