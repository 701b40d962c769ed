"""What UDP options mean."""

from __future__ import annotations

import pytest

from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.protocols.udp.options import ConnectOptions, Mode, UdpListenerOptions, UdpModeOptions

FULL = ConnectOptions(address="127.0.0.1", port=15001)


@pytest.mark.parametrize(
    ("connect", "asked", "mode"),
    [
        (ConnectOptions(), None, Mode.SERVER),
        (ConnectOptions(port=15001), None, Mode.SERVER),
        (FULL, None, Mode.SINGLETON),
        (FULL, Mode.SERVER, Mode.SERVER),
        (FULL, Mode.SINGLETON, Mode.SINGLETON),
    ],
)
def test_a_fully_connected_listener_is_a_singleton_unless_told_otherwise(
    connect: ConnectOptions, asked: Mode | None, mode: Mode
) -> None:
    assert UdpListenerOptions(port=1, connect=connect, options=UdpModeOptions(mode=asked)).mode is mode


def test_a_singleton_needs_both_ends_of_its_flow() -> None:
    with pytest.raises(ConfigError, match="Singleton mode requested but") as caught:
        UdpListenerOptions(
            port=1, connect=ConnectOptions(port=15001), options=UdpModeOptions(mode=Mode.SINGLETON)
        )
    assert caught.value.path == "options.mode"
