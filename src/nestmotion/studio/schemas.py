"""What the HTTP API takes and gives (docs/studio-api.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from nestmotion.studio.limits import Limits

__all__ = [
    "Alignment",
    "Edit",
    "Failure",
    "Generate",
    "Health",
    "Job",
    "Jobs",
    "Model",
    "Parsed",
    "Regenerate",
]

_LIMITS = Limits()
# What JavaScript holds exactly.
_MOST_SEED = 2**53 - 1

Seed = Annotated[int, Field(ge=0, le=_MOST_SEED, strict=True)]
Steps = Annotated[int, Field(ge=1, le=_LIMITS.steps, strict=True)]
Guidance = Annotated[FiniteFloat, Field(ge=0, le=20)]
Words = Annotated[str, Field(min_length=1, max_length=1000)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Generate(_Asked):
    """A sentence to make motion of."""

    prompt: Words = Field(description="What the person does, in English.")
    seconds: FiniteFloat | None = Field(
        None, ge=0, le=3600, description="Judged from the text if null."
    )
    samples: int = Field(1, ge=1, le=_LIMITS.samples, strict=True)
    seed: Seed = 0
    guidance: Guidance | None = Field(None, description="How strictly to follow the text.")
    steps: Steps | None = Field(None, description="Sampler steps.")
    postprocess: bool = Field(True, strict=True, description="Make standing feet stand.")
    by_turns: bool = Field(
        True, strict=True, description="The actions of the text one after another, not in one go."
    )


class Edit(_Asked):
    """Other words for a piece of a motion's prompt."""

    phrase: Words = Field(description="Words of the prompt that stand there once.")
    to: Words = Field(description="What is said in their place.")
    seed: Seed = 0
    guidance: Guidance | None = None
    steps: Steps | None = None


class Regenerate(_Asked):
    """Another take of a stretch of a motion."""

    start_s: FiniteFloat = Field(ge=0, le=3600)
    end_s: FiniteFloat = Field(ge=0, le=3600)
    seed: Seed = 0
    joints: list[Annotated[str, Field(max_length=100)]] | None = Field(
        None, min_length=1, max_length=100
    )
    guidance: Guidance | None = None
    steps: Steps | None = None


class Problem(BaseModel):
    code: str
    message: str
    details: dict[str, Any]


class Failure(BaseModel):
    """Every answer that is not what was asked for."""

    error: Problem


class Stretch(BaseModel):
    start_s: float
    end_s: float


class Source(BaseModel):
    job: str
    motion: int


class MotionInfo(BaseModel):
    index: int
    frames: int
    fps: float
    seconds: float
    changed: Stretch | None = Field(description="Of an edit or regeneration: what is not as it was.")
    alignment: str = Field(description="Address of the semantic tree with each node's seconds.")
    files: dict[str, str] = Field(description="Address by format.")


class Job(BaseModel):
    """Something asked for and what came of it."""

    id: str
    kind: Literal["generate", "edit", "regenerate"]
    status: Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
    progress: float
    ahead: int | None = Field(description="Jobs before this one, while it is queued.")
    created: str
    started: str | None
    ended: str | None
    request: dict[str, Any]
    source: Source | None
    prompt: str | None
    recipe: dict[str, Any] | None = Field(description="With this, the same motion is made again.")
    motions: list[MotionInfo]
    warnings: list[str]
    error: Problem | None


class Jobs(BaseModel):
    jobs: list[Job]
    next: str | None = Field(description="Give it as `before` to see older jobs.")


class TreeNode(BaseModel):
    id: int
    parent: int | None
    level: int
    role: str
    text: str
    start: int
    end: int
    relation: str | None = None
    order: int | None = None


class Parsed(BaseModel):
    """The semantic tree of a prompt."""

    prompt: str
    nodes: list[TreeNode]


class TimedNode(TreeNode):
    start_s: float
    end_s: float
    weight: list[float]


class Alignment(BaseModel):
    """The semantic tree of a motion's prompt with each node's seconds."""

    prompt: str
    fps: float
    frames: int
    nodes: list[TimedNode]


class Health(BaseModel):
    status: Literal["ok"]
    nestmotion: str
    waiting: int
    queue: int


class Model(BaseModel):
    """What is served and what may be asked for."""

    bundle: str
    bundle_digest: str
    nestmotion: str
    fps: float
    joints: list[str]
    editable: bool
    seconds: dict[str, float]
    defaults: dict[str, Any]
    limits: dict[str, float]
    formats: dict[str, str]
