"""The studio under uvicorn, which by itself is too patient with slow clients."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from nestmotion.core.errors import SettingsError
from nestmotion.studio.limits import Limits

__all__ = ["listen", "server_of"]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises SettingsError when it cannot be had."""
    if not 0 <= port <= 65535:
        raise SettingsError(f"the port must be from 0 to 65535, not {port}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        number = error.errno or 0  # below 0 for names that are not found, which have their own words
        reason = (os.strerror(number) if number > 0 else error.strerror or str(error)).lower()
        raise SettingsError(
            f"cannot listen on {host} port {port}: {reason}; give another --host or --port"
        ) from None


def server_of(app: ASGIApp, limits: Limits) -> uvicorn.Server:
    """A server that is not running yet; its `run(sockets=[...])` serves until interrupted."""
    config = uvicorn.Config(
        app,
        http=_patient_for(limits),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def _patient_for(limits: Limits) -> type[asyncio.Protocol]:
    """uvicorn's protocol, but it does not wait forever for a request's head nor for a reader."""

    class Patient(H11Protocol):
        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head = _stopped(self._head)
            self._reader = _stopped(self._reader)
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader = _stopped(self._reader)
            self._reader = self.loop.call_later(limits.stalled_s, self.transport.abort)

        def resume_writing(self) -> None:
            self._reader = _stopped(self._reader)
            super().resume_writing()

        def _watch_head(self) -> None:
            """The clock runs while a head has begun to come, or none ever has."""
            if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
                self._head = _stopped(self._head)
            elif self._head is None:
                self._head = self.loop.call_later(limits.head_s, self._give_up)

        def _give_up(self) -> None:
            if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
                self.transport.close()

    return Patient


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer. There is none from then on."""
    if timer is not None:
        timer.cancel()
    return None
