"""Who may ask, and how much: a gate in front of the application.

It refuses a foreign `Host` (DNS rebinding), requests sent by another site's page, a missing or wrong
token, and bodies that are too large or too slow, before the application sees any of it.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nestmotion.core.errors import SettingsError
from nestmotion.studio.errors import ApiError, envelope
from nestmotion.studio.limits import Limits

__all__ = ["MMCP_PATHS", "Gate", "Hosts", "is_loopback", "is_unspecified", "token_for"]

MMCP_PATHS = ("/capabilities", "/generate")
SHORTEST_TOKEN = 16

_OPEN = ("/v1/health",)
_GUARDED = ("/v1", "/openapi.json", *MMCP_PATHS)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self' blob: data:; worker-src 'self' blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to this host."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_unspecified(host: str) -> bool:
    """Whether a server bound to this host listens on all addresses of the machine."""
    address = _address(host)
    return address is not None and address.is_unspecified


def token_for(host: str, given: str | None) -> str | None:
    """The token that a server bound to `host` asks for: the given one; where others can reach it and
    none is given, a new one; else None.

    Raises SettingsError for a token that is short or cannot stand in a header.
    """
    if given is None:
        return None if is_loopback(host) else secrets.token_urlsafe(24)
    if len(given) < SHORTEST_TOKEN or not given.isascii() or not given.isprintable() or " " in given:
        raise SettingsError(
            f"the token must have {SHORTEST_TOKEN} or more letters, digits or marks, without spaces"
        )
    return given


@dataclass(frozen=True)
class Hosts:
    """The values of `Host` that are ours. numbers: any address in numbers is (none can be rebound)."""

    names: frozenset[str]
    numbers: bool

    @classmethod
    def of(cls, host: str, more: Collection[str] = ()) -> Hosts:
        """For a server bound to `host`, and names that a proxy in front of it has."""
        names = {"localhost", "127.0.0.1", "::1", host, *more}
        everywhere = is_unspecified(host)
        if everywhere:
            names |= {socket.gethostname(), socket.getfqdn()}
        return cls(frozenset(name.lower() for name in names), everywhere)

    def __contains__(self, header: str) -> bool:
        name = _host_name(header)
        return name in self.names or (self.numbers and _address(name) is not None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _host_name(header: str) -> str:
    """The name in a `Host` header, without its port; "" when it is not well formed."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return ""
    return parts.hostname or "" if "@" not in header and "/" not in header else ""


class Gate:
    """ASGI middleware: checks every request, then reads its body, then lets the application have it."""

    def __init__(self, app: ASGIApp, hosts: Hosts, token: str | None, limits: Limits) -> None:
        self._app = app
        self._hosts = hosts
        self._token = None if token is None else token.encode("ascii")
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        guarded_send = _with_headers(send)
        try:
            headers = Headers(scope=scope)
            self._check(scope, headers)
            body = await self._body(scope["path"], headers, receive)
        except ApiError as error:
            return await _refuse(error, guarded_send)
        await self._app(scope, _replay(body, receive), guarded_send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if host not in self._hosts:
            raise ApiError(400, "host", "this server does not go by that name; see --allow-host")
        path: str = scope["path"]
        guarded = path not in _OPEN and any(path == p or path.startswith(f"{p}/") for p in _GUARDED)
        origin = headers.get("origin")
        foreign = origin is not None and _host_of(origin) != host.lower()
        if guarded and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            foreign = True
        if foreign:
            raise ApiError(403, "forbidden", "pages of other sites may not use this server")
        if guarded and self._token is not None:
            kind, _, value = headers.get("authorization", "").partition(" ")
            given = value.strip().encode("utf-8")
            if kind.lower() != "bearer" or not hmac.compare_digest(given, self._token):
                raise ApiError(
                    401,
                    "unauthorized",
                    "a token is needed: Authorization: Bearer TOKEN",
                    headers={"WWW-Authenticate": "Bearer"},
                )

    async def _body(self, path: str, headers: Headers, receive: Receive) -> bytes:
        limits = self._limits
        most = limits.mmcp_body_bytes if path in MMCP_PATHS else limits.body_bytes
        too_large = ApiError(
            413,
            "payload_too_large",
            f"the body is larger than {most} bytes",
            {"max_request_bytes": most},
        )
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 18 or int(length) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(limits.body_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ApiError(400, "bad_request", "the connection ended within the request")
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise ApiError(
                408, "timeout", f"the body did not come within {limits.body_s:g} s"
            ) from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then whatever comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return first.pop() if first else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sent


async def _refuse(error: ApiError, send: Send) -> None:
    """Answer and hang up: what may still come of the request is not read."""
    body = json.dumps(envelope(error.problem)).encode("utf-8")
    told = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **error.headers,
    }
    headers: Sequence[tuple[bytes, bytes]] = [(k.encode(), v.encode()) for k, v in told.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
