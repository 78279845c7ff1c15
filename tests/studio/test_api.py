"""The HTTP API, asked as a client asks it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nestmotion.io import load_motion
from nestmotion.studio.limits import Limits

WALK = {"prompt": "a person walks forward, then sits down", "seconds": 2.0, "samples": 2, "seed": 5}

PLAIN = {"postprocess": True, "by_turns": True}


def _problem(response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details"}
    return response.status_code, error["code"], error["message"]


@pytest.fixture(scope="module")
def walk(served):
    """A finished job of two samples."""
    response = served.client.post("/v1/generate?wait=30", json=WALK)
    assert response.status_code == 200
    return response.json()


def test_a_finished_job_tells_all(served, walk):
    bundle = served.studio.model.bundle
    assert walk == served.client.get(f"/v1/jobs/{walk['id']}").json()
    assert (walk["kind"], walk["status"], walk["progress"], walk["ahead"]) == (
        "generate",
        "done",
        1.0,
        None,
    )
    assert walk["request"] == {**WALK, "guidance": None, "steps": None, **PLAIN}
    assert walk["created"] <= walk["started"] <= walk["ended"]
    recipe = walk["recipe"]
    assert recipe["bundle_digest"] == bundle.digest
    assert {k: recipe[k] for k in ("prompt", "seconds", "seed")} == {
        k: WALK[k] for k in ("prompt", "seconds", "seed")
    }
    assert [(m["index"], m["frames"], m["fps"], m["seconds"]) for m in walk["motions"]] == [
        (0, 40, 20.0, 2.0),
        (1, 40, 20.0, 2.0),
    ]
    assert (walk["warnings"], walk["error"], walk["source"]) == ([], None, None)


def test_turns_come_one_after_another(served):
    asked = {"prompt": "a person sits down, then stands up", "seconds": 5, "steps": 2}
    job = served.client.post("/v1/generate?wait=30", json=asked).json()
    assert (job["status"], job["prompt"]) == ("done", asked["prompt"])
    told = [prompt[0] for prompt in job["recipe"]["prompts"]]
    assert told == ["a person stands", "a person sits down", "a person stands up"]
    assert job["recipe"]["by_turns"] is True
    alignment = served.client.get(job["motions"][0]["alignment"]).json()
    assert (alignment["prompt"], alignment["frames"]) == (asked["prompt"], 100)


def test_the_motion_is_the_one_python_makes(served, walk, tmp_path):
    expected = served.studio.model.generate(WALK["prompt"], 2.0, seed=5, samples=2)
    for motion, want in zip(walk["motions"], expected, strict=True):
        path = tmp_path / "motion.npz"
        path.write_bytes(served.client.get(motion["files"]["npz"]).content)
        found = load_motion(path)
        np.testing.assert_allclose(found.positions_m, want.positions_m, atol=1e-4)
        assert found.metadata == want.metadata


@pytest.mark.parametrize("format_", ["bvh", "glb", "npz", "amass.npz", "npy"])
def test_every_format_can_be_read_again(served, walk, tmp_path, format_):
    response = served.client.get(walk["motions"][1]["files"][format_])
    assert response.headers["content-disposition"] == (
        f'attachment; filename="walks-forward-then-sits-down-1.{format_}"'
    )
    path = tmp_path / f"clip.{format_}"
    path.write_bytes(response.content)
    assert abs(len(load_motion(path)) - 40) <= 1


def test_a_file_is_fetched_once(served, walk):
    address = walk["motions"][0]["files"]["glb"]
    first = served.client.get(address)
    assert first.headers["content-type"] == "model/gltf-binary"
    again = served.client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_alignment_names_the_actions_in_turn(served, walk):
    found = served.client.get(walk["motions"][0]["alignment"]).json()
    assert (found["prompt"], found["fps"], found["frames"]) == (WALK["prompt"], 20.0, 40)
    actions = [node for node in found["nodes"] if node["level"] == 2]
    assert [node["order"] for node in actions] == [0, 1]
    assert actions[0]["start_s"] == 0.0
    assert actions[0]["end_s"] == actions[1]["start_s"]
    assert actions[1]["end_s"] == 2.0
    assert all(len(node["weight"]) == 40 for node in found["nodes"])


def test_editing_a_phrase_makes_a_new_job(served, walk):
    address = f"/v1/jobs/{walk['id']}/motions/0"
    new = served.client.post(
        f"{address}/edit?wait=30", json={"phrase": "sits down", "to": "jumps", "seed": 2}
    ).json()
    assert (new["kind"], new["status"]) == ("edit", "done")
    assert new["source"] == {"job": walk["id"], "motion": 0}
    assert new["prompt"] == "a person walks forward, then jumps"
    (motion,) = new["motions"]
    assert 0 < motion["changed"]["start_s"] < motion["changed"]["end_s"] == 2.0
    nodes = served.client.get(motion["alignment"]).json()["nodes"]
    assert nodes[0]["text"] == "a person walks forward, then jumps"
    # A change of a change.
    again = served.client.post(
        f"/v1/jobs/{new['id']}/motions/0/regenerate?wait=30",
        json={"start_s": 0.5, "end_s": 1.5, "seed": 4},
    ).json()
    assert again["status"] == "done"
    assert again["motions"][0]["changed"] == {"start_s": 0.5, "end_s": 1.5}


def test_regenerating_keeps_the_rest(served, walk, tmp_path):
    address = f"/v1/jobs/{walk['id']}/motions/0"
    new = served.client.post(
        f"{address}/regenerate?wait=30", json={"start_s": 1.0, "end_s": 1.6, "seed": 3}
    ).json()
    (motion,) = new["motions"]
    clips = []
    for files in (walk["motions"][0]["files"], motion["files"]):
        path = tmp_path / f"{len(clips)}.npz"
        path.write_bytes(served.client.get(files["npz"]).content)
        clips.append(load_motion(path).positions_m)
    moved = np.abs(clips[0] - clips[1]).max(axis=(1, 2))
    assert moved[:20].max() < 1e-6
    assert moved[20:32].max() > 1e-3


def test_a_change_that_cannot_be_made_is_a_job_that_fails(served, walk):
    new = served.client.post(
        f"/v1/jobs/{walk['id']}/motions/0/edit?wait=30", json={"phrase": "flies", "to": "jumps"}
    ).json()
    assert new["status"] == "failed"
    assert new["error"]["code"] == "prompt"
    assert new["error"]["message"] == f"'flies' is not in the prompt '{WALK['prompt']}'"
    assert new["motions"] == []


def test_a_prompt_that_is_not_english_is_warned_of(served):
    job = served.client.post(
        "/v1/generate?wait=30", json={"prompt": "hund katze maus", "seconds": 1}
    ).json()
    assert job["status"] == "done"
    assert job["warnings"] == [
        "most words of the prompt are unknown to the model (hund, katze, maus); it learned from "
        "English, and the motion may not fit"
    ]


def test_parsing(served):
    found = served.client.get("/v1/parse", params={"prompt": " a person  waves "}).json()
    assert found["prompt"] == "a person waves"
    assert [node["text"] for node in found["nodes"] if node["level"] == 2] == ["a person waves"]


def test_what_is_served(served):
    about = served.client.get("/v1/model").json()
    assert about["editable"] is True
    assert about["seconds"] == {"shortest": 1.0, "longest": 10.0}
    assert set(about["formats"]) == {"bvh", "glb", "npz", "amass.npz", "npy", "html"}
    assert about["joints"][0] == "pelvis"
    assert served.client.get("/v1/health").json()["queue"] == Limits().queue


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("GET", f"/v1/jobs/{'0' * 32}", None, (404, "not_found", "no such job")),
        ("DELETE", f"/v1/jobs/{'0' * 32}", None, (404, "not_found", "no such job")),
        ("GET", f"/v1/jobs?before={'0' * 32}", None, (404, "not_found", "no such job")),
        ("GET", "/nothing", None, (404, "not_found", "Not Found")),
        ("POST", "/", None, (405, "method", "Method Not Allowed")),
        (
            "POST",
            "/v1/generate",
            {"prompt": "!?"},
            (422, "prompt", "the prompt is empty; say what the person does, e.g. 'a person waves'"),
        ),
        (
            "POST",
            "/v1/generate",
            {"prompt": "a person waves", "seconds": 99},
            (422, "prompt", "seconds must be from 1 to 10, not 99"),
        ),
        (
            "POST",
            "/v1/generate",
            {"prompt": "walk " * 190},
            (
                422,
                "prompt",
                "the prompt has 190 words, more than the model reads (about 96); shorten it",
            ),
        ),
        (
            "POST",
            "/v1/generate",
            {"prompt": "a person waves", "sample": 2},
            (422, "schema_validation", "body.sample: Extra inputs are not permitted"),
        ),
        (
            "POST",
            "/v1/generate",
            {"prompt": "a person waves", "samples": 9},
            (422, "schema_validation", "body.samples: Input should be less than or equal to 8"),
        ),
        (
            "GET",
            "/v1/jobs/x",
            None,
            (422, "schema_validation", "path.job: String should match pattern '^[0-9a-f]{32}$'"),
        ),
    ],
)
def test_mistakes_are_told_in_one_shape(served, method, path, body, answer):
    assert _problem(served.client.request(method, path, json=body)) == answer


def test_motions_that_are_not_there(served, walk):
    files = f"/v1/jobs/{walk['id']}/motions"
    assert _problem(served.client.get(f"{files}/7.glb")) == (
        404,
        "not_found",
        "the job has no motion 7",
    )
    assert _problem(served.client.get(f"{files}/0.fbx")) == (
        404,
        "not_found",
        "no format 'fbx'; there are bvh, glb, npz, amass.npz, npy, html",
    )
    assert served.client.get(f"{files}/7/alignment").status_code == 404
    change = {"start_s": 0, "end_s": 1}
    assert served.client.post(f"{files}/7/regenerate", json=change).status_code == 404


def test_the_queue_has_a_bound_and_cancelling_makes_room(serve):
    with serve(Limits(queue=2)) as served:
        client, ask = served.client, {"prompt": "a person waves", "seconds": 1}
        with served.busy():
            jobs = [client.post("/v1/generate", json=ask) for _ in range(2)]
            assert [job.status_code for job in jobs] == [202, 202]
            first, second = (job.json() for job in jobs)
            assert jobs[0].headers["location"] == f"/v1/jobs/{first['id']}"
            assert [(j["status"], j["ahead"]) for j in (first, second)] == [
                ("queued", 1),
                ("queued", 2),
            ]
            full = client.post("/v1/generate", json=ask)
            assert _problem(full) == (429, "rate_limited", "2 jobs wait already; ask again in 1 s")
            assert full.headers["retry-after"] == "1"
            early = client.get(f"/v1/jobs/{first['id']}/motions/0.glb")
            assert _problem(early)[:2] == (409, "not_done")
            gone = client.delete(f"/v1/jobs/{first['id']}")
            assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
            assert _problem(client.delete(f"/v1/jobs/{first['id']}")) == (
                409,
                "finished",
                "the job has ended already: cancelled",
            )
            third = client.post("/v1/generate", json=ask)
            assert third.status_code == 202
        for job in (second, third.json()):
            assert client.get(f"/v1/jobs/{job['id']}?wait=30").json()["status"] == "done"
        assert client.get(f"/v1/jobs/{first['id']}").json()["status"] == "cancelled"


def test_jobs_that_are_alike_are_made_together(serve, tmp_path):
    asks = [
        {"prompt": "a person waves", "seconds": 2, "seed": 1},
        {"prompt": "a person jumps", "seconds": 5, "seed": 2},
        {"prompt": "a person walks forward while waving", "seconds": 2, "seed": 3},
    ]
    with serve() as served:
        with served.busy():
            ids = [served.client.post("/v1/generate", json=ask).json()["id"] for ask in asks]
        jobs = [served.client.get(f"/v1/jobs/{job}?wait=30").json() for job in ids]
        first, other, third = jobs
        assert max(first["started"], third["started"]) < min(first["ended"], third["ended"])
        assert other["started"] >= max(first["ended"], third["ended"])
        for ask, job in zip(asks, jobs, strict=True):
            path = tmp_path / "motion.npz"
            path.write_bytes(served.client.get(job["motions"][0]["files"]["npz"]).content)
            (want,) = served.studio.model.generate(ask["prompt"], ask["seconds"], ask["seed"])
            np.testing.assert_allclose(load_motion(path).positions_m, want.positions_m, atol=1e-4)


def test_history_in_pages_and_forgetting(serve):
    with serve() as served:
        client, ask = served.client, {"prompt": "a person waves", "seconds": 1, "steps": 1}
        ids = [client.post("/v1/generate?wait=30", json=ask).json()["id"] for _ in range(3)]
        page = client.get("/v1/jobs?limit=2").json()
        assert [job["id"] for job in page["jobs"]] == ids[:0:-1]
        rest = client.get(f"/v1/jobs?limit=2&before={page['next']}").json()
        assert ([job["id"] for job in rest["jobs"]], rest["next"]) == ([ids[0]], None)
        gone = client.delete(f"/v1/jobs/{ids[1]}?forget=true")
        assert (gone.status_code, gone.content) == (204, b"")
        assert client.get(f"/v1/jobs/{ids[1]}").status_code == 404
        assert client.get(f"/v1/jobs/{ids[1]}/motions/0.npz").status_code == 404
        assert len(client.get("/v1/jobs").json()["jobs"]) == 2


def test_finished_jobs_survive_and_waiting_ones_are_interrupted(serve, tmp_path):
    ask = {"prompt": "a person waves", "seconds": 1, "steps": 1}
    with serve() as served:
        done = served.client.post("/v1/generate?wait=30", json=ask).json()
        data = served.client.get(done["motions"][0]["files"]["npz"]).content
        with served.busy():
            waiting = served.client.post("/v1/generate", json=ask).json()
            served.studio._worker.stop(0)
    with serve() as served:
        assert served.client.get(f"/v1/jobs/{done['id']}").json() == done
        assert served.client.get(done["motions"][0]["files"]["npz"]).content == data
        after = served.client.get(f"/v1/jobs/{waiting['id']}").json()
        assert after["status"] == "interrupted"
        assert after["error"]["message"] == "the server stopped before the job was done; ask again"


def test_script_tags_are_text(served):
    prompt = "</script><script>alert(1)</script> a person waves"
    job = served.client.post("/v1/generate?wait=30", json={"prompt": prompt, "seconds": 1}).json()
    assert job["prompt"] == prompt
    page = served.client.get(job["motions"][0]["files"]["html"])
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert page.headers["content-disposition"].startswith("attachment; ")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    json.loads(served.client.get(job["motions"][0]["alignment"]).content)
