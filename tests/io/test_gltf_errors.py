"""GLB files that cannot be read: one line each, and no memory for what they only claim to hold."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glb_files import LIMB, foreign_glb, put_together, take_apart
from nestmotion.core import Motion
from nestmotion.core.errors import FormatError, NestmotionWarning
from nestmotion.io.gltf import load_glb, save_glb


@pytest.fixture
def walk_glb(tmp_path: Path, synthetic_walk: Callable[..., Motion]) -> Path:
    path = tmp_path / "walk.glb"
    save_glb(synthetic_walk(frames=12).with_metadata(prompt="walk"), path)
    return path


def spoil(keys: list[str | int], value: object) -> Callable[[dict[str, Any]], None]:
    """An edit of a document: set (or with None delete) what the keys lead to."""

    def edit(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        if value is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value

    return edit


# Accessors of a file of ours: 0 inverse binds, 1 to 5 mesh, 6 times, 7 root, 8 on rotations.
BAD_DOCUMENTS = [
    (spoil(["animations"], None), "holds no animation"),
    (spoil(["animations", 0, "channels"], []), "its animation moves no node"),
    (spoil(["animations", 0, "channels"], {}), "channels in its JSON must be a list of objects"),
    (spoil(["nodes"], 7), "nodes in its JSON must be a list of objects"),
    (spoil(["nodes", 0, "children", 0], 999), "refers to nodes[999], but has 23 of them"),
    (spoil(["nodes", 0, "children", 0], "1"), "refers to nodes['1'], but has 23 of them"),
    (spoil(["nodes", 21, "children"], [1]), "nodes[1] has two parents"),
    (spoil(["nodes", 15, "children"], [0]), "its node hierarchy goes in a circle or is absurdly deep"),
    (
        spoil(["nodes", 3, "translation"], [0, "x", 0]),
        "translation in its JSON must be 3 finite numbers, not [0, 'x', 0]",
    ),
    (
        spoil(["nodes", 3, "scale"], [0, float("nan"), 0]),
        "scale in its JSON must be 3 finite numbers, not [0, nan, 0]",
    ),
    (spoil(["nodes", 3, "scale"], [0, 0, 0]), "nodes[3] is scaled to nothing or to infinity"),
    (spoil(["skins", 0, "joints"], []), "a skin has no joints"),
    (spoil(["skins", 0, "joints", 0], -1), "refers to nodes[-1], but has 23 of them"),
    (spoil(["skins", 0, "joints", 0], 22), "the joints of its skin have no common root"),
    (
        spoil(["animations", 0, "channels", 0, "sampler"], 99),
        "an animation channel refers to a sampler that does not exist",
    ),
    (
        spoil(["animations", 0, "samplers", 0, "interpolation"], "BEZIER"),
        "an animation sampler has an unknown interpolation",
    ),
    (
        spoil(["animations", 0, "samplers", 0, "input"], 3),
        "accessors[3] must be SCALAR of numbers, not 'VEC4' of component type 5121",
    ),
    (
        spoil(["animations", 0, "samplers", 0, "output"], 99),
        "refers to accessors[99], but has 30 of them",
    ),
    (spoil(["accessors", 6, "count"], 11), "an animation sampler has 11 key times but 12 values"),
    (
        spoil(["accessors", 6, "count"], 1_000_000_000),
        "accessors[6] claims 1000000000 elements of 4 bytes, but its buffer view has 48 bytes",
    ),
    (spoil(["accessors", 6, "count"], -1), "count in its JSON must be a whole number, not -1"),
    (spoil(["accessors", 6, "bufferView"], None), "accessors[6] is sparse, which is not supported"),
    (
        spoil(["bufferViews", 7, "byteOffset"], 10**9),
        "bufferViews[7] ends at byte 1000000144, but the binary chunk has {size}",
    ),
    (
        spoil(["bufferViews", 7, "extensions"], {"EXT_meshopt_compression": {}}),
        "is compressed (EXT_meshopt_compression); export it without compression",
    ),
    (
        spoil(["buffers", 0, "uri"], "walk.bin"),
        "keeps its data in another buffer; export it as one self-contained GLB",
    ),
    (
        spoil(["scenes", 0, "extras", "nestmotion", "fps"], 1e-9),
        None,  # one frame is left: no error
    ),
]


@pytest.mark.parametrize(("edit", "message"), BAD_DOCUMENTS)
def test_bad_documents(edit: Callable[[dict], None], message: str | None, walk_glb: Path) -> None:
    document, binary = take_apart(walk_glb)
    edit(document)
    put_together(walk_glb, document, binary)
    if message is None:
        assert len(load_glb(walk_glb)) == 1
        return
    with pytest.raises(FormatError) as caught:
        load_glb(walk_glb)
    assert str(caught.value) == f"{walk_glb}: {message.format(size=len(binary))}"


def test_not_a_glb(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    with pytest.raises(FormatError) as caught:
        load_glb(path)
    assert str(caught.value) == f"{path}: cannot be read: no such file or directory"
    for data, message in (
        (b"", "is not a GLB file (it does not start with 'glTF')"),
        (b"HIERARCHY\nROOT Hips", "is not a GLB file (it does not start with 'glTF')"),
        (b"glTF\2\0", "is truncated: a GLB header has 12 bytes, the file 6"),
        (struct.pack("<4sII", b"glTF", 1, 12), "is glTF version 1; only version 2 can be read"),
        (struct.pack("<4sII", b"glTF", 2, 12), "is damaged: it has no JSON chunk"),
        (
            struct.pack("<4sIII4s", b"glTF", 2, 20, 2**31, b"JSON"),
            "is damaged: a chunk of 2147483648 bytes goes beyond the file's end",
        ),
        (
            struct.pack("<4sIII4s2s", b"glTF", 2, 22, 2, b"JSON", b"[]"),
            "is damaged: its JSON chunk is not an object",
        ),
    ):
        path.write_bytes(data)
        with pytest.raises(FormatError) as caught:
            load_glb(path)
        assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("text", [b"{", b'{"a": \xff}', b"[" * 100_000, b"{" + b" " * 9, b"9" * 9999])
def test_bad_json(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text)
    with pytest.raises(FormatError, match=r"^[^\n]* is damaged: its JSON chunk [^\n]*$"):
        load_glb(path)


def test_truncated_at_every_tenth(walk_glb: Path) -> None:
    data = walk_glb.read_bytes()
    for tenth in range(10):
        walk_glb.write_bytes(data[: len(data) * tenth // 10])
        with pytest.raises(FormatError, match=r"^[^\n]*(is not a GLB file|is truncated)[^\n]*$"):
            load_glb(walk_glb)


def test_nan_in_the_data(walk_glb: Path) -> None:
    document, binary = take_apart(walk_glb)
    start = document["bufferViews"][7]["byteOffset"]
    put_together(walk_glb, document, binary[:start] + struct.pack("<f", np.nan) + binary[start + 4 :])
    with pytest.raises(FormatError) as caught:
        load_glb(walk_glb)
    assert str(caught.value) == f"{walk_glb}: accessors[7] holds NaN or infinity"


def test_claimed_length_is_refused_without_allocating(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    values = np.zeros((3, 3))
    foreign_glb(path, LIMB, {(0, "translation"): ([0.0, 0.01, 1e8], values, "LINEAR")}, [0, 1])
    tracemalloc.start()
    with pytest.raises(FormatError) as caught:
        load_glb(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = "claims 1e+08 s at 30 frames a second, which is too long to read"
    assert str(caught.value) == f"{path}: {message}"
    assert peak < 1_000_000


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_mutated_documents_never_crash(data: st.DataObject, walk_glb: Path) -> None:
    """Whatever stands anywhere in the JSON, the file loads or is refused in one line."""
    document, binary = mutated_base(walk_glb)
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            deeper = isinstance(place[key], dict | list) and data.draw(st.integers(0, 5)) > 0
            if not deeper:
                odd = [
                    None,
                    -1,
                    0,
                    1,
                    5,
                    22,
                    2**40,
                    1e308,
                    float("nan"),
                    "",
                    "VEC3",
                    [],
                    {},
                    [[]],
                    True,
                ]
                place[key] = data.draw(st.sampled_from(odd))
                break
            place = place[key]
    path = walk_glb.with_name("mutated.glb")
    put_together(path, document, binary)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NestmotionWarning)
        try:
            outcome: Motion | str = load_glb(path)
        except FormatError as error:
            outcome = str(error)
    if isinstance(outcome, Motion):
        assert np.isfinite(outcome.positions_m).all()
    else:
        assert "\n" not in outcome
        assert len(outcome) < 400 + len(str(path))


def mutated_base(walk_glb: Path) -> tuple[dict[str, Any], bytes]:
    """A small document, so that mutations hit something: the first three joints of the walk."""
    document, binary = take_apart(walk_glb)
    for key in ("meshes", "materials"):
        del document[key]
    animation = document["animations"][0]
    animation["channels"] = animation["channels"][:4]
    return document, binary
