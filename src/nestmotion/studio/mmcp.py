"""The Motion Model Context Protocol: nestmotion as a backend for clients that speak it.

The SDK checks requests and writes glTF; requests become scenes (mmcp_scene.py).
"""

from __future__ import annotations

import asyncio
import secrets

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from motionmcp import Backbone, GenerateRequest, ModelSpec, MotionResult, ProtocolError, build_app
from motionmcp.backbone import Limits as MmcpLimits
from motionmcp.schemas import Joint, Options, Skeleton
from starlette.types import ASGIApp

from nestmotion.core import Motion
from nestmotion.core.edit import MOST_FPS, resample
from nestmotion.core.errors import NestmotionError
from nestmotion.core.rotations import unroll_signs
from nestmotion.features.contacts import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.generate import TextToMotion
from nestmotion.studio.errors import ApiError, envelope
from nestmotion.studio.making import INTERNAL
from nestmotion.studio.mmcp_scene import scene_of
from nestmotion.studio.studio import Studio

__all__ = ["mmcp_app"]

# Of one request; the worker makes nothing else meanwhile.
LONGEST_S = 60.0

CONSTRAINTS = ["root_path", "effector_target", "pose_keyframe"]


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


class _Nestmotion(Backbone):
    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.model_id = f"nestmotion-{studio.model.bundle.name}"
        self._spec = _spec(self.model_id, studio)

    def capabilities(self) -> ModelSpec:
        return self._spec

    async def generate(self, request: GenerateRequest) -> MotionResult:
        _check(request, self._spec, self._studio.limits.steps)
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
    return ModelSpec(
        id=model_id,
        fps=bundle.fps,
        canonical_skeleton=Skeleton(joints=joints),
        supports_loop=studio.editable,
        supported_constraints=CONSTRAINTS if studio.editable else [],
        supported_segments=["text", "unconditioned"],
        supported_guidance_types=["nocfg", "regular"],
        predicted_contact_joints=list(CONTACT_JOINTS),
        native_clip_seconds=bundle.manifest["seconds"]["longest"],
        chunking="stitched",
        recommended_max_duration_seconds=LONGEST_S,
        limits=MmcpLimits(
            max_duration_seconds=LONGEST_S,
            max_num_samples=limits.samples,
            max_request_bytes=limits.mmcp_body_bytes,
        ),
    )


def _check(request: GenerateRequest, spec: ModelSpec, most_steps: int) -> None:
    """What the SDK lets through and we cannot do."""
    if not request.fps(spec.fps) <= MOST_FPS:
        raise ProtocolError("invalid_options", f"timing.fps must be at most {MOST_FPS}")
    places = [(*j.rest_translation, *j.rest_rotation) for j in request.skeleton.joints]
    if not np.isfinite(np.array(places)).all():
        raise ProtocolError("invalid_skeleton", "the skeleton holds NaN or infinity")
    if any(getattr(segment, "seed", None) is not None for segment in request.segments):
        raise ProtocolError("invalid_options", "segments have no seeds of their own; use options.seed")
    options = request.options or Options()
    if options.seed is not None and not 0 <= options.seed < 2**63:
        raise ProtocolError("invalid_options", "options.seed must be from 0 to 2^63 - 1")
    if "diffusion_steps" in options.model_fields_set and options.diffusion_steps > most_steps:
        raise ProtocolError("invalid_options", f"options.diffusion_steps must be at most {most_steps}")
    guidance = options.guidance
    if guidance is not None and guidance.type not in spec.supported_guidance_types:
        raise ProtocolError("invalid_options", f"guidance of type {guidance.type!r} is not supported")


def _make(model: TextToMotion, request: GenerateRequest) -> MotionResult:
    bundle, options = model.bundle, request.options or Options()
    steps = options.diffusion_steps if "diffusion_steps" in options.model_fields_set else None
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    scene, left_out = scene_of(request, bundle.skeleton, bundle.fps)
    notes = [_note("not_heeded", words) for words in left_out]
    samples = []
    for k in range(options.num_samples):
        made = model.scene(scene, seed, k, steps, postprocess=options.post_processing)
        motion = resample(made.motion, request.fps(bundle.fps))
        samples.append(motion.frames(0, request.total_frames))
        missed = [str(wish) for wish in made.remaining if not wish.met]
        notes += [_note("constraint_missed", f"sample_{k}: {words}") for words in missed]
    return _result(samples, notes)


def _note(code: str, message: str) -> dict[str, str]:
    return {"code": code, "severity": "warning", "message": message}


def _result(samples: list[Motion], notes: list[dict[str, str]]) -> MotionResult:
    contacts = np.stack([foot_contacts(motion) for motion in samples])
    return MotionResult(
        rotations=np.stack([unroll_signs(m.quat_local_xyzw) for m in samples]).astype(np.float32),
        root_translations=np.stack([m.root_m for m in samples]).astype(np.float32),
        foot_contacts={name: contacts[..., j] for j, name in enumerate(CONTACT_JOINTS)},
        notes=notes,
    )
