"""What can go wrong between a client and the server, in one shape.

{"error": {"code": ..., "message": ..., "details": {...}}}, as the Motion Model Context Protocol has it;
where it knows a code for something, the code is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nestmotion.core.errors import NestmotionError, PromptError

__all__ = ["ApiError", "Problem", "envelope", "problem_of"]

Problem = dict[str, Any]


class ApiError(Exception):
    """An answer other than what was asked for."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem: Problem = {"code": code, "message": message, "details": dict(details or {})}
        self.headers = dict(headers or {})


def envelope(problem: Problem) -> dict[str, Problem]:
    """The body of the answer."""
    return {"error": problem}


def problem_of(error: NestmotionError) -> Problem:
    """A user's mistake, found while the work was done."""
    code = "prompt" if isinstance(error, PromptError) else "settings"
    return {"code": code, "message": str(error), "details": {}}
