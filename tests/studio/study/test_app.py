"""The server over real HTTP: raters learn nothing of models, and hostile raters get nowhere."""

from __future__ import annotations

import json
import re
import struct
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulated_raters import Rater, key, serve
from synthetic_study import MODELS

POINTS = {"text_match": 3, "naturalness": 3, "smoothness": 3}
FILES = ("study.js", "study.css", "viewer.js", "actor.js", "ground.js", "three.js")


def _document(glb: bytes) -> dict:
    (length,) = struct.unpack_from("<I", glb, 12)
    return json.loads(glb[20 : 20 + length])


def _right(kind: str) -> dict:
    return {"choice": "b"} if kind == "pair" else POINTS


def test_nothing_that_a_rater_gets_names_a_model(study):
    """A rater's whole way: pages, scripts, answers, headers, clips."""
    names = [*MODELS, "secret"]
    with study.connection() as db:
        names += [row["digest"] for row in db.execute("SELECT digest FROM models")]
        names += [row["clip"] for row in db.execute("SELECT clip FROM clips")]
    checks = ["broken", "repeat", "purpose"]
    clips = 0
    with serve(study) as client:

        def get(path: str, secret: list[str]) -> bytes:
            reply = client.get(path)
            assert reply.status_code == 200, path
            said = str(reply.headers).lower() + reply.content.decode("latin-1").lower()
            assert [word for word in secret if word in said] == [], path
            return reply.content

        for name in FILES:
            get(f"/page/{name}", names)
        for token, _ in study.links()[:1]:
            get(f"/r/{token}", names)
            while (
                question := json.loads(get(f"/api/{token}", names + checks))["question"]
            ) is not None:
                address = f"/api/{token}/questions/{question['id']}"
                for side in question["clips"]:
                    get(f"{address}/{side}.glb", names + checks)
                    clips += 1
                reply = client.post(address, json=_right(question["kind"]))
                assert reply.status_code == 200
                assert not any(word in reply.text.lower() for word in names + checks)
    assert clips > 40


def test_the_clips_of_a_pair_differ_in_their_motion_only(study):
    pairs = 0
    with serve(study) as client:
        token = study.links()[0][0]
        while (question := client.get(f"/api/{token}").json()["question"]) is not None:
            address = f"/api/{token}/questions/{question['id']}"
            if question["kind"] == "pair":
                a, b = (client.get(f"{address}/{side}.glb") for side in "ab")
                assert _document(a.content) == _document(b.content)
                assert a.content != b.content
                assert len(a.content) == len(b.content)
                for reply in (a, b):
                    del reply.headers["date"]
                assert a.headers == b.headers
                assert set(a.headers) & {"etag", "last-modified", "content-disposition"} == set()
                extras = _document(a.content)["scenes"][0]["extras"]
                assert extras == {"nestmotion": {"fps": 20.0, "metadata": {}}}
                pairs += 1
            client.post(address, json=_right(question["kind"]))
    assert pairs == 12 + 4 + 4


def test_names_sizes_and_times_of_files_tell_nothing(made):
    files = sorted((made.folder / "clips").iterdir())
    assert all(re.fullmatch(r"[0-9a-f]{32}\.glb", path.name) for path in files)
    assert len({path.stat().st_mtime_ns for path in files}) == 1
    assert len({path.stat().st_size for path in files}) <= 4  # of each prompt's clips, one


@pytest.fixture
def client(study):
    with serve(study) as client:
        yield client


def _refused(reply, status: int, code: str) -> str:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["code"] == code
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    return error["message"]


def test_forged_links(study, client):
    token = study.links()[0][0]
    name = client.get(f"/api/{token}").json()["question"]["id"]
    for forged in (
        "0" * 32,
        token[:-1],
        token + "0",
        token.upper() + "x",
        "%00",
        "' OR 1=1 --",
        "..%2f",
    ):
        assert client.get(f"/r/{forged}").status_code == 404
        assert _refused(client.get(f"/api/{forged}"), 404, "not_found")
        reply = client.post(f"/api/{forged}/questions/{name}", json=_right("pair"))
        assert _refused(reply, 404, "not_found")
    page = client.get("/r/nobody")
    assert "This link is not one of ours" in page.text
    assert study.links()[0][1].answered == 0


def test_another_raters_question(study, client):
    (mine, _), (theirs, _), *_ = study.links()
    question = client.get(f"/api/{theirs}").json()["question"]
    address = f"/api/{mine}/questions/{question['id']}"
    unknown = _refused(client.get(f"/api/{mine}/questions/{'0' * 32}/a.glb"), 404, "not_found")
    assert _refused(client.get(f"{address}/a.glb"), 404, "not_found") == unknown
    assert _refused(client.post(address, json=_right(question["kind"])), 404, "not_found") == unknown
    assert study.progress(theirs).answered == 0


@pytest.mark.parametrize(
    "body",
    [
        {"choice": "c"},
        {"choice": "A"},
        {"choice": None},
        {"choice": "a", "more": 1},
        {**POINTS, "smoothness": 0},
        {**POINTS, "smoothness": 6},
        {**POINTS, "smoothness": 3.5},
        {**POINTS, "smoothness": "3"},
        {**POINTS, "smoothness": True},
        {"text_match": 3},
        {**POINTS, "choice": "a"},
        {"\ud800": 1},
        [],
        None,
        "a",
    ],
)
def test_what_is_no_answer(study, client, body):
    for token, _ in study.links()[:2]:  # the first begins with pairs, the second with scores
        name = client.get(f"/api/{token}").json()["question"]["id"]
        content = json.dumps(body)
        reply = client.post(
            f"/api/{token}/questions/{name}",
            content=content,
            headers={"content-type": "application/json"},
        )
        assert _refused(reply, 422, "invalid")
        assert study.progress(token).answered == 0


def test_an_answer_of_the_other_kind(study, client):
    for (token, _), wrong in zip(study.links()[:2], (POINTS, {"choice": "a"}), strict=True):
        name = client.get(f"/api/{token}").json()["question"]["id"]
        message = _refused(client.post(f"/api/{token}/questions/{name}", json=wrong), 422, "invalid")
        assert message == "this question asks for another kind of answer"


def test_answering_twice(study, client):
    token = study.links()[0][0]
    question = client.get(f"/api/{token}").json()["question"]
    address = f"/api/{token}/questions/{question['id']}"
    assert client.post(address, json={"choice": "a"}).json()["answered"] == 1
    for choice in ("b", "a"):
        message = _refused(client.post(address, json={"choice": choice}), 409, "answered")
        assert message == "this question is answered already"
    with study.connection() as db:
        assert [tuple(row) for row in db.execute("SELECT choice FROM answers")] == [("a",)]


def test_bodies_that_are_too_large(study, client):
    token = study.links()[0][0]
    address = f"/api/{token}/questions/{client.get(f'/api/{token}').json()['question']['id']}"
    assert _refused(client.post(address, content=b" " * 10_000), 413, "too_large")
    assert _refused(client.post(address, content=iter([b"{}"])), 411, "length")
    assert client.get(f"/api/{token}").json()["answered"] == 0


def test_other_paths_and_methods(client):
    for path in (
        "/",
        "/study.sqlite",
        "/page/../study.sqlite",
        "/page/%2e%2e%2fapp.py",
        "/docs",
        "/clips/",
    ):
        assert _refused(client.get(path), 404, "not_found")
    assert _refused(client.delete("/r/x"), 405, "method")
    assert client.get("/openapi.json").status_code == 200


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS, WORDS, st.binary(max_size=600), st.sampled_from(["GET", "POST", "PUT"]))
def test_no_request_is_a_mistake_of_ours(study, client, a, b, body, method):
    token = study.links()[0][0]
    for path in (
        f"/api/{quote(a, safe='')}",
        f"/api/{token}/questions/{quote(b, safe='')}",
        f"/{quote(a)}",
    ):
        reply = client.request(method, path, content=body)
        assert 400 <= reply.status_code < 500


def test_raters_at_once(study, client):
    """What one rater does, no other sees."""
    secrets = key(study)
    (first, before), (second, _), *_ = study.links()
    rng = np.random.default_rng(0)
    assert Rater(client, first, secrets, dict.fromkeys(MODELS, 0.0), rng).answer_all() == before.total
    assert Rater(client, second, secrets, dict.fromkeys(MODELS, 0.0), rng).answer_all(most=3) == 3
    assert [progress.answered for _, progress in study.links()][:3] == [before.total, 3, 0]
    assert client.get(f"/api/{first}").json()["question"] is None
