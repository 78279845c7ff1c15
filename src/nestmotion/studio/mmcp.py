"""The Motion Model Context Protocol: nestmotion as a backend for clients that speak it.

The SDK checks requests and writes glTF; here its terms are translated to ours. Segments follow one
another without a seam: each goes on from the last second of the one before.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from dataclasses import dataclass

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from motionmcp import Backbone, GenerateRequest, ModelSpec, MotionResult, ProtocolError, build_app
from motionmcp.backbone import Limits as MmcpLimits
from motionmcp.schemas import Joint, Options, Skeleton, TextSegment
from starlette.types import ASGIApp

from nestmotion.core import Motion
from nestmotion.core.edit import MOST_FPS, canonicalize, concatenate, move, resample
from nestmotion.core.errors import NestmotionError
from nestmotion.core.rotations import unroll_signs
from nestmotion.features.contacts import foot_contacts
from nestmotion.features.known import known_frames
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.generate import TextToMotion
from nestmotion.generate.postprocess import postprocess
from nestmotion.studio.errors import ApiError, envelope
from nestmotion.studio.making import INTERNAL
from nestmotion.studio.studio import Studio

__all__ = ["mmcp_app"]

# Longer motion is stitched from pieces that each know so many seconds of the one before.
LONGEST_S = 30.0
OVERLAP_S = 1.0


def mmcp_app(studio: Studio) -> ASGIApp:
    """Answers GET /capabilities and POST /generate."""
    app = build_app(_Nestmotion(studio), title="nestmotion, MMCP")

    @app.exception_handler(ProtocolError)
    async def refused(_: Request, error: ProtocolError) -> JSONResponse:
        wait = error.details.get("retry_after_s")
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return JSONResponse(error.to_envelope(), error.status_code, headers)

    @app.exception_handler(OverflowError)
    async def beyond_numbers(_: Request, error: OverflowError) -> JSONResponse:
        found = ProtocolError("schema_validation", f"a number is too large: {error}")
        return JSONResponse(found.to_envelope(), found.status_code)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse(envelope(INTERNAL), 500)

    return app


@dataclass(frozen=True)
class _Piece:
    """Frames to be made by one prompt; None for any motion."""

    prompt: str | None
    frames: int
    seed: int


class _Nestmotion(Backbone):
    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.model_id = f"nestmotion-{studio.model.bundle.name}"
        self._spec = _spec(self.model_id, studio)

    def capabilities(self) -> ModelSpec:
        return self._spec

    async def generate(self, request: GenerateRequest) -> MotionResult:
        _check(request, self._spec)
        try:
            task = self._studio.errand(lambda model: _make(model, request))
            return await asyncio.wrap_future(task.ended)
        except ApiError as error:
            wait = error.headers.get("Retry-After", "1")
            raise ProtocolError("rate_limited", str(error), {"retry_after_s": int(wait)}) from None
        except NestmotionError as error:
            raise ProtocolError("invalid_options", str(error)) from None
        except asyncio.CancelledError:
            raise ProtocolError("model_unavailable", "the server is shutting down") from None


def _spec(model_id: str, studio: Studio) -> ModelSpec:
    bundle = studio.model.bundle
    skeleton, limits = bundle.skeleton, studio.limits
    stand = -float(skeleton.rest_positions_m[:, 1].min())
    joints = [
        Joint(
            name=name,
            parent=skeleton.joint_names[parent] if parent >= 0 else None,
            rest_translation=tuple(map(float, offset)) if parent >= 0 else (0.0, stand, 0.0),
            rest_rotation=(0.0, 0.0, 0.0, 1.0),
        )
        for name, parent, offset in zip(
            skeleton.joint_names, skeleton.parents, skeleton.offsets_m, strict=True
        )
    ]
    longest = bundle.manifest["seconds"]["longest"]
    return ModelSpec(
        id=model_id,
        fps=bundle.fps,
        canonical_skeleton=Skeleton(joints=joints),
        supports_segment_seed=True,
        supported_constraints=[],
        supported_segments=["text", "unconditioned"],
        supported_guidance_types=["nocfg", "regular"],
        predicted_contact_joints=list(CONTACT_JOINTS),
        native_clip_seconds=longest,
        chunking="stitched" if studio.editable else "none",
        recommended_max_duration_seconds=longest,
        limits=MmcpLimits(
            max_duration_seconds=LONGEST_S if studio.editable else longest,
            max_num_samples=limits.samples,
            max_request_bytes=limits.mmcp_body_bytes,
        ),
    )


def _check(request: GenerateRequest, spec: ModelSpec) -> None:
    """What the SDK lets through and we cannot do."""
    if not request.fps(spec.fps) <= MOST_FPS:
        raise ProtocolError("invalid_options", f"timing.fps must be at most {MOST_FPS}")
    places = [(*j.rest_translation, *j.rest_rotation) for j in request.skeleton.joints]
    if not np.isfinite(np.array(places)).all():
        raise ProtocolError("invalid_skeleton", "the skeleton holds NaN or infinity")
    guidance = request.options.guidance if request.options is not None else None
    if guidance is not None and guidance.type not in spec.supported_guidance_types:
        raise ProtocolError("invalid_options", f"guidance of type {guidance.type!r} is not supported")


def _make(model: TextToMotion, request: GenerateRequest) -> MotionResult:
    fps, options = request.fps(model.bundle.fps), request.options or Options()
    asked = options.model_fields_set
    steps = options.diffusion_steps if "diffusion_steps" in asked else None
    guidance: float | None = None
    if options.guidance is not None:
        guidance = options.guidance.weight[0] if options.guidance.weight else 1.0
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    frames = math.ceil((request.total_frames - 1) / fps * model.bundle.fps) + 1
    samples = []
    for k in range(options.num_samples):
        pieces = _pieces(request, model, frames, seed + k)
        motion, seams = _stitched(model, pieces, steps, guidance)
        motion = postprocess(motion) if options.post_processing else motion
        samples.append((resample(motion, fps).frames(0, request.total_frames), seams))
    scale = fps / model.bundle.fps
    return _result([m for m, _ in samples], [[round(s * scale) for s in seams] for _, seams in samples])


def _pieces(request: GenerateRequest, model: TextToMotion, frames: int, seed: int) -> list[_Piece]:
    """The segments in our frames, none longer than the model makes beside the overlap."""
    fps, native = request.fps(model.bundle.fps), model.bundle.fps
    longest = round((model.bundle.manifest["seconds"]["longest"] - OVERLAP_S) * native)
    pieces: list[_Piece] = []
    done, asked = 0, 0
    for segment in request.segments:
        asked += segment.duration_frames
        last = segment is request.segments[-1]
        until = frames if last else min(round(asked / fps * native), frames)
        prompt = segment.prompt if isinstance(segment, TextSegment) else None
        own = getattr(segment, "seed", None)
        count = math.ceil((until - done) / longest)
        for part in np.array_split(np.arange(done, until), count) if count else ():
            base = seed if own is None else own
            pieces.append(_Piece(prompt, len(part), base + 1009 * len(pieces)))
        done = until
    return pieces


def _stitched(
    model: TextToMotion, pieces: list[_Piece], steps: int | None, guidance: float | None
) -> tuple[Motion, list[int]]:
    """The pieces one after another, and the frames at which they meet."""
    overlap = round(OVERLAP_S * model.bundle.fps)
    motion: Motion | None = None
    seams: list[int] = []
    for piece in pieces:
        weight = guidance if piece.prompt is not None else 0.0
        text = piece.prompt if piece.prompt is not None else "a person moves"
        if motion is None:
            motion = _first(model, text, piece, steps, weight)
            continue
        tail = motion.frames(max(len(motion) - overlap, 0), len(motion))
        known = known_frames(canonicalize(tail), slice(0, len(tail)), len(tail) + piece.frames)
        (new,) = model.generate(
            text, seed=piece.seed, steps=steps, guidance=weight, known=known, postprocess=False
        )
        x, _, z = tail.root_m[0]
        new = move(new, tail.heading_rad[0], (x, 0.0, z)).frames(len(tail), len(new))
        seams.append(len(motion))
        motion = concatenate([motion, new], align=False)
    assert motion is not None  # the SDK lets no request through that asks for nothing
    return motion, seams


def _first(
    model: TextToMotion, text: str, piece: _Piece, steps: int | None, guidance: float | None
) -> Motion:
    """A piece that knows nothing, cut from a longer one when it is shorter than the model makes."""
    shortest = model.bundle.manifest["seconds"]["shortest"]
    seconds = max(piece.frames / model.bundle.fps, shortest)
    (motion,) = model.generate(
        text, seconds, piece.seed, steps=steps, guidance=guidance, postprocess=False
    )
    return motion.frames(0, piece.frames)


def _result(samples: list[Motion], seams: list[list[int]]) -> MotionResult:
    contacts = np.stack([foot_contacts(motion) for motion in samples])
    return MotionResult(
        rotations=np.stack([unroll_signs(m.quat_local_xyzw) for m in samples]).astype(np.float32),
        root_translations=np.stack([m.root_m for m in samples]).astype(np.float32),
        foot_contacts={name: contacts[..., j] for j, name in enumerate(CONTACT_JOINTS)},
        chunk_boundaries=seams,
    )
