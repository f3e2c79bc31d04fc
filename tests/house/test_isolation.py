"""The suite itself: no network beyond this machine, warnings are errors."""

import socket
import tomllib
import warnings

import pytest
from pytest_socket import SocketConnectBlockedError

from tests.house.source_tree import ROOT

DOCUMENTATION_ADDRESS = "192.0.2.1"
"""Reserved for examples (RFC 5737): nobody answers there."""


def test_other_machines_cannot_be_reached():
    with socket.socket() as client, pytest.raises(SocketConnectBlockedError):
        client.connect((DOCUMENTATION_ADDRESS, 80))


def test_this_machine_can():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        accepted.close()


def test_a_warning_is_an_error():
    with pytest.raises(UserWarning, match="noticed"):
        warnings.warn("noticed", UserWarning, stacklevel=1)


def test_an_unexpected_success_is_a_failure():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["pytest"]["ini_options"]["xfail_strict"] is True
