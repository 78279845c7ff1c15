"""The Motion Model Context Protocol, through the SDK's own client, parser and schemas."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from motionmcp import client as mmcp
from motionmcp.backbone import ModelSpec

from nestmotion.core.kinematics import forward_kinematics
from nestmotion.core.rotations import quat_from_matrix
from nestmotion.features.contacts import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.generate.scene import Prompt, Scene
from nestmotion.studio.limits import Limits

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture(scope="module")
def spec(served):
    return mmcp.pick_model(mmcp.get_capabilities(served.url))


def _request(spec, *segments, **more):
    return {
        "protocol_version": "1.4",
        "model": spec["id"],
        "skeleton": spec["canonical_skeleton"],
        "segments": list(segments),
        **more,
    }


def _text(prompt, frames, **more):
    return {"type": "text", "prompt": prompt, "duration_frames": frames, **more}


_GROUND = {"type": "ground_height", "points": [[0, 0, 0]]}


def _path(frames, x=0.0):
    return {"type": "root_path", "frames": frames, "positions_xz": [[x, 0.1 * f] for f in frames]}


def _positions(sample, skeleton):
    """Joints (T, J, 3) in metres, from what the SDK read: local rotations and the root's place."""
    quat = quat_from_matrix(np.asarray(sample["local_rot_mats"], dtype=float))
    root = np.asarray(sample["posed_joints"], dtype=float)[:, 0]
    return forward_kinematics(skeleton.parents, skeleton.offsets_m, quat, root)[0]


def test_capabilities_fit_the_schema_of_the_sdk(served, spec):
    assert mmcp.probe_server(served.url).status == "online"
    assert ModelSpec.model_validate(spec).id == "nestmotion-nested"
    skeleton = served.studio.model.bundle.skeleton
    assert [joint["name"] for joint in spec["canonical_skeleton"]["joints"]] == list(
        skeleton.joint_names
    )
    assert mmcp.model_supported_segments(spec) == ["text", "unconditioned"]
    assert spec["limits"]["max_num_samples"] == Limits().samples


def test_one_segment_is_the_motion_python_makes(served, spec):
    body = _request(spec, _text("a person walks forward", 60), options={"seed": 7, "num_samples": 2})
    samples = mmcp.parse_gltf_samples(mmcp.generate(served.url, body))
    for k, sample in enumerate(samples):
        scene = Scene((Prompt("a person walks forward", 0.0, 3.0),), seconds=3.0)
        want = served.studio.model.scene(scene, seed=7, sample=k).motion
        assert (sample["fps"], sample["num_frames"]) == (20.0, 60)
        assert sample["joint_names"] == list(want.skeleton.joint_names)
        np.testing.assert_allclose(_positions(sample, want.skeleton), want.positions_m, atol=2e-4)
        feet = [want.skeleton.index(name) for name in CONTACT_JOINTS]
        np.testing.assert_array_equal(sample["foot_contacts"][:, feet], foot_contacts(want))
    assert np.abs(samples[0]["local_rot_mats"] - samples[1]["local_rot_mats"]).max() > 0.01


def test_segments_follow_one_another_at_the_rate_asked_for(served, spec):
    body = _request(
        spec,
        _text("a person walks forward", 75),
        _text("a person jumps", 45),
        {"type": "unconditioned", "duration_frames": 15},
        timing={"fps": 30},
        options={"seed": 1},
    )
    document = mmcp.generate(served.url, body)
    (told,) = document["extensions"]["MMCP_motion"]["samples"]
    assert told["num_frames"] == 135
    assert document["extensions"]["MMCP_motion"]["fps"] == 30
    (sample,) = mmcp.parse_gltf_samples(document)
    positions = _positions(sample, served.studio.model.bundle.skeleton)
    step = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    assert step.max() < 0.35  # metres in 1/30 s; a jump to another place would be more
    assert np.linalg.norm(positions[74, 0, [0, 2]]) > 0.5


def test_constraints_are_met(served, spec):
    skeleton = served.studio.model.bundle.skeleton
    names = skeleton.joint_names
    pose = {name: [0, 0, 0, 1] for name in names}
    pose["left_shoulder"] = [0, 0, np.sin(0.5), np.cos(0.5)]  # the left arm raised
    constraints = [
        {
            "type": "root_path",
            "frames": [0, 45, 89],
            "positions_xz": [[1, 2], [1, 3], [2, 4]],
            "heading_radians": [0.0, 0.0, 0.8],
        },
        {
            "type": "effector_target",
            "joint": "right_wrist",
            "frames": [45],
            "positions": [[0.7, 1.2, 3.2]],
        },
        {
            "type": "pose_keyframe",
            "frame": 89,
            "joint_rotations": {k: v for k, v in pose.items() if k != "pelvis"},
            "fill_mode": "rest",
        },
    ]
    body = _request(
        spec,
        _text("a person walks forward", 90),
        constraints=constraints,
        timing={"fps": 30},
        options={"seed": 1},
    )
    (sample,) = mmcp.parse_gltf_samples(mmcp.generate(served.url, body))
    positions = _positions(sample, skeleton)
    root = positions[:, 0][:, [0, 2]]
    np.testing.assert_allclose(root[[0, 45]], [[1, 2], [1, 3]], atol=0.05)
    np.testing.assert_allclose(root[89], [2, 4], atol=0.1)
    np.testing.assert_allclose(positions[45, names.index("right_wrist")], [0.7, 1.2, 3.2], atol=0.05)
    arm = positions[89, names.index("left_wrist")] - positions[89, names.index("left_shoulder")]
    assert arm[1] > 0.2


def test_what_is_left_of_a_wish_is_told(served, spec):
    far = {
        "type": "effector_target",
        "joint": "left_wrist",
        "frames": [10],
        "positions": [[0, 9, 0]],
        "rotations": [[0, 0, 0, 1]],
    }
    body = _request(spec, _text("a person stands", 20), constraints=[far], options={"seed": 1})
    notes = mmcp.generate(served.url, body)["extensions"]["MMCP_motion"]["notes"]
    assert [note["code"] for note in notes] == ["not_heeded", "constraint_missed"]
    assert notes[1]["message"].startswith("sample_0: left_wrist at 0.5 s: off by ")


def test_a_loop_closes(served, spec):
    assert spec["supports_loop"] is True
    body = _request(spec, _text("a person walks in place", 40), options={"seed": 1, "loop": True})
    (sample,) = mmcp.parse_gltf_samples(mmcp.generate(served.url, body))
    turn = np.asarray(sample["local_rot_mats"])[:, 1:]
    seam = np.abs(turn[-1] - turn[0]).max()
    steps = np.abs(np.diff(turn, axis=0)).max(axis=(1, 2, 3))
    assert seam < 2 * steps.max()


def test_the_answer_is_valid_gltf(served, spec, node_modules, tmp_path):
    body = _request(spec, _text("a person waves", 20), options={"diffusion_steps": 2})
    path = tmp_path / "answer.gltf"
    path.write_text(json.dumps(mmcp.generate(served.url, body)))
    run = subprocess.run(
        ["node", str(TOOLS / "validate_gltf.mjs"), str(node_modules), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    (report,) = json.loads(run.stdout)
    assert report["issues"]["numErrors"] == 0, report["issues"]["messages"]


def test_a_batch_keeps_failures_to_their_item(served, spec):
    good = _request(spec, _text("a person waves", 20), options={"diffusion_steps": 2})
    bad = {**good, "model": "another"}
    body = {"protocol_version": "1.4", "requests": [good, bad]}
    first, second = served.client.post("/generate", json=body).json()["results"]
    assert first["gltf"]["asset"]["version"] == "2.0"
    assert second["error"]["code"] == "unknown_model"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"protocol_version": "2.0"}, 400, "version_unsupported"),
        ({"segments": [{"type": "pose", "prompt": "sits"}]}, 400, "unsupported_segment"),
        ({"segments": []}, 422, "schema_validation"),
        ({"segments": [_text("a person waves", 10**9)]}, 400, "invalid_options"),
        ({"segments": [_text("a person waves", 10**400)]}, 422, "schema_validation"),
        ({"segments": [_text("!?", 20)]}, 400, "invalid_options"),
        (
            {"timing": {"fps": 1e9}, "segments": [_text("a person waves", 10**9)]},
            400,
            "invalid_options",
        ),
        ({"options": {"num_samples": 16}}, 400, "invalid_options"),
        ({"options": {"seed": -1}}, 400, "invalid_options"),
        ({"options": {"diffusion_steps": 101}}, 400, "invalid_options"),
        ({"options": {"guidance": {"type": "separated", "weight": [1, 2]}}}, 400, "invalid_options"),
        ({"options": {"guidance": {"type": "regular", "weight": [99]}}}, 400, "invalid_options"),
        ({"constraints": [_GROUND]}, 400, "unsupported_constraint"),
        ({"constraints": [_path([0])]}, 400, "invalid_options"),
        ({"constraints": [_path([0, 20])]}, 400, "frame_out_of_range"),
        ({"constraints": [_path([0, 10], x=float("inf"))]}, 400, "invalid_options"),
        (
            {
                "constraints": [
                    {"type": "pose_keyframe", "frame": 0, "joint_rotations": {"neck": [0, 0, 0, 1]}}
                ]
            },
            400,
            "invalid_options",
        ),
        (
            {
                "constraints": [
                    {"type": "pose_keyframe", "frame": 0, "joint_rotations": {"nose": [0, 0, 0, 1]}}
                ]
            },
            400,
            "unknown_joint",
        ),
        ({"segments": [_text("a person waves", 20, seed=1)]}, 400, "invalid_options"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_protocols_codes(served, spec, change, status, code):
    body = _request(spec, _text("a person waves", 20)) | change
    response = served.client.post("/generate", content=json.dumps(body))
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_skeletons_that_are_not_ours(served, spec):
    joints = spec["canonical_skeleton"]["joints"]
    fewer = _request(spec, _text("a person waves", 20)) | {"skeleton": {"joints": joints[:5]}}
    assert (
        served.client.post("/generate", json=fewer).json()["error"]["code"] == "retargeting_unsupported"
    )
    text = json.dumps(_request(spec, _text("a person waves", 20))).replace("-0.", "NaN, -0.", 1)
    broken = served.client.post("/generate", content=text)
    assert broken.status_code == 422
    wild = json.dumps(
        fewer
        | {
            "skeleton": {
                "joints": [{**joint, "rest_translation": [float("nan"), 0, 0]} for joint in joints]
            }
        }
    )
    answer = served.client.post("/generate", content=wild)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_skeleton")


def test_a_full_queue_says_when_to_come_back(serve):
    with serve(Limits(queue=1)) as served, served.busy():
        served.client.post("/v1/generate", json={"prompt": "a person waves", "seconds": 1})
        spec = served.client.get("/capabilities").json()["models"][0]
        response = served.client.post("/generate", json=_request(spec, _text("a person waves", 20)))
        assert (response.status_code, response.json()["error"]["code"]) == (429, "rate_limited")
        assert response.headers["retry-after"] == "1"
        with pytest.raises(mmcp.MmcpError, match="1 jobs wait already"):
            mmcp.generate(served.url, _request(spec, _text("a person waves", 20)))


def test_a_token_through_the_sdk(serve):
    token = "correct-horse-battery"
    with serve(token=token) as served:
        assert mmcp.probe_server(served.url).status == "auth_required"
        assert mmcp.probe_server(served.url, access_token=token).status == "online"
