"""The HTTP application: routes, and how everything that goes wrong is answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from nestmotion import __version__
from nestmotion.core.errors import NestmotionError
from nestmotion.studio import schemas
from nestmotion.studio.errors import ApiError, envelope, problem_of
from nestmotion.studio.files import MEDIA_TYPES, file_name
from nestmotion.studio.making import INTERNAL
from nestmotion.studio.mmcp import mmcp_app
from nestmotion.studio.security import MMCP_PATHS, Gate, Hosts
from nestmotion.studio.studio import Studio

__all__ = ["PAGE", "create_app"]

_log = logging.getLogger("nestmotion.studio")

PAGE = Path(__file__).parent / "page"

JobId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$", description="A job's id.")]
Place = Annotated[int, InPath(ge=0, le=999, description="Which of the job's motions.")]
File = Annotated[
    str,
    InPath(pattern=r"^[0-9]{1,3}\.[a-z0-9.]+$", description="Index and format, such as 0.glb."),
]
Wait = Annotated[
    float, Query(ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for the job's end.")
]
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method",
    406: "accept",
    415: "content_type",
    422: "schema_validation",
}


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: these answers have the shape of an error."""
    always = (400, 401, 403, 408, 413, 422)
    return {
        status: {"model": schemas.Failure, "description": HTTPStatus(status).phrase}
        for status in sorted({*always, *statuses})
    }


def create_app(studio: Studio, hosts: Hosts, token: str | None = None) -> ASGIApp:
    """The studio behind its gate, as an ASGI application that starts and stops it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(studio.start)
        yield
        await run_in_threadpool(studio.stop)

    app = FastAPI(
        title="nestmotion studio",
        version=__version__,
        description="Text in, human motion out.",
        lifespan=lifespan,
        docs_url=None,  # its page is fetched from elsewhere
        redoc_url=None,
    )
    for routes in (_making, _jobs, _motions, _about):
        app.include_router(routes(studio))
    protocol = mmcp_app(studio)
    for path in MMCP_PATHS:
        app.router.routes.append(Route(path, protocol))
    app.mount("/", _Page(directory=PAGE, html=True, check_dir=False), name="page")
    _answer_errors(app)
    return Gate(app, hosts, token, studio.limits)


def _making(studio: Studio) -> APIRouter:
    """New jobs."""
    router = APIRouter(prefix="/v1", tags=["making"])

    async def asked(job: str, wait: float, response: Response) -> dict[str, Any]:
        """A new job, after at most `wait` seconds: 200 when it has ended, else 202."""
        await studio.wait(job, wait)
        view = await run_in_threadpool(studio.view, job)
        response.status_code = 202 if view["status"] in ("queued", "running") else 200
        response.headers["Location"] = f"/v1/jobs/{job}"
        return view

    accepted: dict[int | str, dict[str, Any]] = {202: {"model": schemas.Job, "description": "Not yet"}}
    new = accepted | _failures(404, 409, 429)

    @router.post("/generate", response_model=schemas.Job, responses=accepted | _failures(429))
    async def generate(request: schemas.Generate, response: Response, wait: Wait = 0) -> Any:
        """Make motion from a sentence."""
        return await asked(await run_in_threadpool(studio.generate, request), wait, response)

    @router.post("/jobs/{job}/motions/{place}/edit", response_model=schemas.Job, responses=new)
    async def edit(
        job: JobId, place: Place, request: schemas.Edit, response: Response, wait: Wait = 0
    ) -> Any:
        """Say one phrase otherwise and keep the rest."""
        return await asked(await run_in_threadpool(studio.change, job, place, request), wait, response)

    @router.post("/jobs/{job}/motions/{place}/regenerate", response_model=schemas.Job, responses=new)
    async def regenerate(
        job: JobId, place: Place, request: schemas.Regenerate, response: Response, wait: Wait = 0
    ) -> Any:
        """Make one stretch again and keep the rest."""
        return await asked(await run_in_threadpool(studio.change, job, place, request), wait, response)

    return router


def _jobs(studio: Studio) -> APIRouter:
    """Jobs that there are."""
    router = APIRouter(prefix="/v1", tags=["jobs"])

    @router.get("/jobs", response_model=schemas.Jobs, responses=_failures(404))
    def history(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    ) -> Any:
        """Jobs, newest first."""
        return studio.history(limit, before)

    @router.get("/jobs/{job}", response_model=schemas.Job, responses=_failures(404))
    async def view(job: JobId, wait: Wait = 0) -> Any:
        """One job."""
        await studio.wait(job, wait)
        return await run_in_threadpool(studio.view, job)

    gone: dict[int | str, dict[str, Any]] = {204: {"description": "Forgotten"}}

    @router.delete("/jobs/{job}", response_model=schemas.Job, responses=gone | _failures(404, 409))
    def cancel(job: JobId, forget: bool = False) -> Any:
        """Cancel a job or, with forget, remove it whether it has ended or not."""
        if forget:
            studio.forget(job)
            return Response(status_code=204)
        return studio.cancel(job)

    return router


def _motions(studio: Studio) -> APIRouter:
    """What jobs have made."""
    router = APIRouter(prefix="/v1", tags=["motions"])
    binary: dict[str, Any] = {"content": {kind: {} for kind in sorted(set(MEDIA_TYPES.values()))}}
    file: dict[int | str, dict[str, Any]] = {200: binary, 304: {"description": "As it was"}}

    @router.get(
        "/jobs/{job}/motions/{file}",
        response_class=Response,
        responses=file | _failures(404, 409),
    )
    def motion(job: JobId, file: File, request: Request) -> Any:
        """A motion as a file."""
        place, _, format_ = file.partition(".")
        prompt, data = studio.file(job, int(place), format_)
        return _download(request, data, f"{job}-{file}", file_name(prompt, int(place), format_))

    @router.get(
        "/jobs/{job}/motions/{place}/alignment",
        response_model=schemas.Alignment,
        responses=_failures(404, 409),
    )
    def alignment(job: JobId, place: Place) -> Any:
        """The semantic tree with each node's seconds."""
        return Response(studio.alignment(job, place), media_type="application/json")

    return router


def _about(studio: Studio) -> APIRouter:
    """The model and the server."""
    router = APIRouter(prefix="/v1", tags=["about"])

    @router.get("/parse", response_model=schemas.Parsed, responses=_failures())
    def parse(prompt: Annotated[str, Query(max_length=1000)]) -> Any:
        """How a sentence is read."""
        return JSONResponse(studio.parse(prompt))

    @router.get("/model", response_model=schemas.Model, responses=_failures())
    def model() -> Any:
        """What is served and what may be asked for."""
        return studio.about()

    @router.get("/health", response_model=schemas.Health)
    def health() -> Any:
        """Whether the server answers, and how many jobs wait."""
        return studio.health()

    return router


def _download(request: Request, data: bytes, key: str, name: str) -> Response:
    """A file that never changes, or 304 when the client has it."""
    headers = {
        "ETag": f'"{key}-{__version__}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=MEDIA_TYPES[name.partition(".")[2]], headers=headers)


class _Page(StaticFiles):
    """The page's files; a browser that has them asks whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _answer_errors(app: FastAPI) -> None:
    def answer(status: int, problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(envelope(problem), status_code=status, headers=headers)

    @app.exception_handler(ApiError)
    def refused(_: Request, error: ApiError) -> Response:
        return answer(error.status, error.problem, error.headers)

    @app.exception_handler(NestmotionError)
    def mistaken(_: Request, error: NestmotionError) -> Response:
        return answer(422, problem_of(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        fields = [
            {"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]}
            for e in error.errors()
        ]
        first = fields[0] if fields else {"field": "request", "message": "invalid"}
        message = f"{first['field']}: {first['message']}"
        return answer(
            422, {"code": "schema_validation", "message": message, "details": {"fields": fields}}
        )

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "bad_request")
        problem = {"code": code, "message": str(error.detail), "details": {}}
        return answer(error.status_code, problem, dict(error.headers or {}))

    @app.exception_handler(Exception)
    def broken(_: Request, error: Exception) -> Response:
        return answer(500, INTERNAL)
