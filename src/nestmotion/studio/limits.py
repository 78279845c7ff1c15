"""How much one server takes on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds that keep a server answering whatever is sent to it.

    queue: jobs that wait, beside those being made. samples, steps: of one request.
    batch_rows: samples that are made in one run of the network, at most.
    wait_s: how long a request may ask to wait for its job.
    body_bytes, mmcp_body_bytes: of a request. head_s, body_s: until its head, and then its body, must
        have come. stalled_s: how long a client may leave an answer untaken.
    connections: open at once. kept_jobs, kept_bytes: of motions; beyond that the oldest are dropped.
    """

    queue: int = 64
    samples: int = 8
    steps: int = 100
    batch_rows: int = 8
    wait_s: float = 30.0
    body_bytes: int = 64 * 1024
    mmcp_body_bytes: int = 1024 * 1024
    head_s: float = 10.0
    body_s: float = 20.0
    stalled_s: float = 30.0
    connections: int = 512
    kept_jobs: int = 20_000
    kept_bytes: int = 2 * 1024**3
