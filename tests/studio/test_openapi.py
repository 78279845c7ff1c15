"""Requests made up from the server's own OpenAPI document: none may break it."""

from __future__ import annotations

import os
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


class _Asker:
    """Sends cases, checks what comes back and counts it."""

    def __init__(self, served) -> None:
        ask = {"prompt": "a person walks, then sits down", "seconds": 1, "steps": 1}
        job = served.client.post("/v1/generate?wait=30", json=ask).json()["id"]
        self._real = {"job": job, "place": 0, "file": "0.glb"}
        self.schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
        self.statuses: Counter[tuple[str, int]] = Counter()

    def ask_all(self, cases: int) -> Counter[tuple[str, int]]:
        """About so many cases, spread over the operations. How often each gave which status."""
        operations = [found.ok() for found in self.schema.get_all_operations()]
        taking = [o for o in operations if o.body or o.query or o.path_parameters]
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for operation in operations:
            if operation not in taking:  # what takes nothing is asked once, and cannot be asked wrongly
                self._ask(operation, GenerationMode.POSITIVE, 1)
                continue
            for mode in modes:
                self._ask(operation, mode, -(-cases // len(taking) // len(modes)))
        return self.statuses

    def _ask(self, operation, mode: GenerationMode, count: int) -> None:
        """So many cases of one operation, such as the document allows or (negative) forbids."""

        @settings(
            max_examples=count,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case) -> None:
            self._send(case)

        run()

    def _send(self, case) -> None:
        if self.statuses.total() % 2 and case.method != "DELETE":
            # Every other one is about a motion that is there.
            given = case.path_parameters or {}
            case.path_parameters = {k: self._real.get(k, v) for k, v in given.items()}
        if case.query and isinstance(case.query.get("wait"), (int, float)):
            case.query["wait"] = min(case.query["wait"], 0.05)
        response = case.call()
        self.statuses[f"{case.method} {case.operation.path}", response.status_code] += 1
        case.validate_response(response, checks=CHECKS)


def test_no_request_breaks_the_server(served):
    asker = _Asker(served)
    with served.busy():  # so that the time goes into asking
        statuses = asker.ask_all(cases=110)
    assert {200, 202, 404, 422} <= {status for _, status in statuses}


@pytest.mark.slow
def test_no_request_of_ten_thousand_breaks_the_server(served):
    statuses = _Asker(served).ask_all(int(os.environ.get("STUDIO_CASES", "10000")))
    for (operation, status), count in sorted(statuses.items()):
        print(f"{count:6} {status} {operation}")
    print(f"{statuses.total():6} in all")
    assert served.client.get("/v1/health").json()["status"] == "ok"
