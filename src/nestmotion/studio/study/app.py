"""The web server of a study: raters' pages and answers, and nothing else.

GET  /r/TOKEN                                the page of the rater whose link this is
GET  /page/NAME                              its scripts and styles
GET  /api/TOKEN                              how far the rater is, and the question to answer next
GET  /api/TOKEN/questions/QUESTION/a.glb     a clip of it (b.glb: the other)
POST /api/TOKEN/questions/QUESTION           the answer; gives what GET /api/TOKEN gives then

Who has a token is that rater; there are no accounts. Nothing that is sent tells which model made a
clip: clips are named by question, carry no metadata, and come without times or checksums of files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from nestmotion.studio.study.design import Kind
from nestmotion.studio.study.store import (
    AlreadyAnsweredError,
    NotFoundError,
    Progress,
    StudyStore,
    WrongKindError,
)

__all__ = ["Choice", "Scores", "study_app"]

MOST_BYTES, BODY_S = 512, 20.0
_HERE = Path(str(resources.files("nestmotion.studio")))
# Files of the page, and of the studio's page those that it uses.
_FILES = {name: _HERE / "study" / "page" / name for name in ("study.js", "study.css")} | {
    name: _HERE / "page" / name
    for name in ("viewer.js", "actor.js", "ground.js", "three.js", "three.LICENSE")
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # addresses hold tokens
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_CODES = {
    408: "slow",
    404: "not_found",
    405: "method",
    409: "answered",
    411: "length",
    413: "too_large",
}

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    NotFoundError: (404, "no such page"),
    AlreadyAnsweredError: (409, "this question is answered already"),
    WrongKindError: (422, "this question asks for another kind of answer"),
}

Point = Annotated[int, Field(ge=1, le=5)]


class Choice(BaseModel):
    """The answer to a pair."""

    model_config = ConfigDict(extra="forbid", strict=True)
    choice: Literal["a", "b"]


class Scores(BaseModel):
    """The answer about one clip, 1 (worst) to 5 (best)."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text_match: Point
    naturalness: Point
    smoothness: Point


def study_app(store: StudyStore) -> FastAPI:
    """The application that serves one study."""
    app = FastAPI(
        title="Motion study", version="1", docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.middleware("http")(_guard)
    for error, (status, message) in _REFUSALS.items():
        app.add_exception_handler(error, _refusal(status, message))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)

    @app.get("/r/{token}", include_in_schema=False)
    def page(token: str) -> FileResponse:
        try:
            store.check_token(token)
        except NotFoundError:
            return FileResponse(_HERE / "study" / "page" / "unknown.html", 404)
        return FileResponse(
            _HERE / "study" / "page" / "index.html", headers={"Cache-Control": "no-store"}
        )

    @app.get("/page/{name}", include_in_schema=False)
    def page_file(name: str) -> FileResponse:
        if name not in _FILES or not _FILES[name].is_file():
            raise NotFoundError
        return FileResponse(_FILES[name], headers={"Cache-Control": "no-cache"})

    @app.get("/api/{token}")
    def progress(token: str) -> Response:
        return _state(store.progress(token))

    @app.get("/api/{token}/questions/{question}/{side}.glb")
    def clip(token: str, question: str, side: Literal["a", "b"]) -> Response:
        data = store.clip(token, question, side)
        return Response(data, media_type="model/gltf-binary", headers={"Cache-Control": "no-store"})

    @app.post("/api/{token}/questions/{question}")
    def answer(token: str, question: str, body: Choice | Scores) -> Response:
        kind: Kind = "pair" if isinstance(body, Choice) else "scores"
        return _state(store.answer(token, question, kind, body.model_dump()))

    return app


def _state(progress: Progress) -> Response:
    asked = progress.question
    content: dict[str, Any] = {"answered": progress.answered, "total": progress.total, "question": None}
    if asked is not None:
        sides = ["a", "b"][: asked.clips]
        content["question"] = {
            "id": asked.name, "kind": asked.kind, "prompt": asked.prompt, "clips": sides
        }  # fmt: skip
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse a large body unread and a slow one, and give every answer the same headers."""
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers:
        response: Response = _error(411, "say the length of the answer")
    elif not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
        response = _error(413, f"an answer has at most {MOST_BYTES} bytes")
    else:
        try:
            await asyncio.wait_for(request.body(), BODY_S)
            response = await call_next(request)
        except (TimeoutError, ClientDisconnect):
            response = _error(408, "the answer did not arrive in time")
    response.headers.update(_HEADERS)
    return response


def _error(status: int, message: str) -> JSONResponse:
    error = {"code": _CODES.get(status, "invalid"), "message": message, "details": {}}
    return JSONResponse({"error": error}, status, {"Cache-Control": "no-store"})


def _refusal(status: int, message: str) -> Callable[[Request, Exception], Response]:
    return lambda request, error: _error(status, message)


def _invalid(request: Request, error: Exception) -> Response:
    return _error(
        422,
        'an answer is {"choice": "a"} or "b", or text_match, naturalness and smoothness from 1 to 5',
    )


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, str(error.detail).lower())
