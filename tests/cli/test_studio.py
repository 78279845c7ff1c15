"""nestmotion studio: mistakes, each one line."""

from __future__ import annotations

import socket

import pytest

from nestmotion.cli import main
from nestmotion.studio.store import Store


@pytest.fixture
def one_line(capsys, tmp_path, monkeypatch):
    """Run a studio that cannot start, with a data folder of its own; gives its one line."""
    monkeypatch.delenv("NESTMOTION_TOKEN", raising=False)

    def run(*arguments: str) -> str:
        assert main(["studio", "--data", str(tmp_path / "data"), *arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        return printed.err.removeprefix("nestmotion: ").rstrip("\n").replace(f"{tmp_path}/", "")

    return run


def test_a_port_that_is_taken_or_none(one_line, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line("--port", str(port))
    assert line == (
        f"cannot listen on 127.0.0.1 port {port}: address already in use; give another --host or --port"
    )
    assert one_line("--port", "70000") == "the port must be from 0 to 65535, not 70000"
    assert not (tmp_path / "data").exists()


def test_a_host_that_is_not_there(one_line):
    line = one_line("--host", "no-such-host.invalid", "--port", "0")
    assert line.startswith("cannot listen on no-such-host.invalid port 0: ")
    assert line.endswith("; give another --host or --port")


def test_a_token_that_is_too_short(one_line, monkeypatch):
    message = "the token must have 16 or more letters, digits or marks, without spaces"
    assert one_line("--token", "short") == message
    monkeypatch.setenv("NESTMOTION_TOKEN", "short")
    assert one_line() == message


def test_a_bundle_that_is_none(one_line, tmp_path):
    (tmp_path / "empty").mkdir()
    line = one_line("--port", "0", "--bundle", str(tmp_path / "empty"))
    assert line == "empty/bundle.json: missing; empty is not a bundle"
    assert not (tmp_path / "data").exists()


def test_data_that_another_studio_uses(one_line, tmp_path):
    store = Store(tmp_path / "data")
    assert one_line("--port", "0") == (
        "data/studio.db: another studio uses it; stop that one or give another --data"
    )
    store.close()
