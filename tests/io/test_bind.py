"""Addresses that can not be bound, and files in the way."""

from __future__ import annotations

import resource
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from l7mp_mesh.io import bind
from l7mp_mesh.ports.layer import BindFailed


@contextmanager
def no_descriptors() -> Iterator[None]:
    """The process may open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_running_out_of_descriptors_is_a_bind_that_failed(tmp_path: Path) -> None:
    with no_descriptors():
        with pytest.raises(BindFailed, match="EMFILE"):
            bind.tcp_socket("127.0.0.1", 0, 1)
        with pytest.raises(BindFailed, match="EMFILE"):
            bind.udp_socket("127.0.0.1", 0)
        with pytest.raises(BindFailed, match="EMFILE"):
            bind.unix_socket(str(tmp_path / "s"), 1)


@pytest.mark.parametrize("address", ["a..b", "a\0b", "x" * 300])
def test_a_name_that_is_no_name_is_a_bind_that_failed(address: str) -> None:
    with pytest.raises(BindFailed):
        bind.tcp_socket(address, 0, 1)
    with pytest.raises(BindFailed):
        bind.udp_socket(address, 0)


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 300])
def test_a_path_that_is_no_path_is_a_bind_that_failed(tmp_path: Path, path: str) -> None:
    with pytest.raises(BindFailed):
        bind.unix_socket(f"{tmp_path}/{path}", 1)


def test_a_file_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    bind.unix_socket(path, 1).close()
    bind.unix_socket(path, 1).close()


def test_a_live_listener_keeps_its_file_and_sees_no_connection(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with bind.unix_socket(path, 1) as live:
        with pytest.raises(BindFailed, match="EADDRINUSE"):
            bind.unix_socket(path, 1)
        assert not select.select([live], [], [], 0)[0]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
