"""The CMU motion capture database at 20 fps with HumanML3D's captions: the corpus nestmotion trains on.

Files: `cmu20.npz` (quantised rotations and root paths of all trials on one 23-joint skeleton),
`trials.csv` (group, fold, description) and `clips.jsonl` (captioned clips).
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import CorpusError, FormatError
from nestmotion.core.rotations import canonical_sign, quat_conjugate
from nestmotion.core.skeleton import Skeleton
from nestmotion.corpus.source import Caption, Dropped, Span, Trial
from nestmotion.io._npz_arrays import read_arrays

__all__ = ["Cmu20"]

FPS = 20.0
QUAT_SCALE = 32767.0
ARRAYS = ("trials", "start", "length", "animated", "quat_xyzw", "root_m")
COLUMNS = ("trial", "group", "fold", "description", "subject_description")

# Both skeletons rest in the same T-pose with axes along the world's, so a joint's local rotation is
# carried over as it is. Joints that the source does not move (collars, toes) rest.
SOURCE_JOINT = {
    "pelvis": "hip",
    "left_hip": "lThigh",
    "right_hip": "rThigh",
    "spine1": "abdomen",
    "left_knee": "lShin",
    "right_knee": "rShin",
    "spine2": "chest",
    "left_ankle": "lFoot",
    "right_ankle": "rFoot",
    "neck": "neck",
    "head": "head",
    "left_shoulder": "lShldr",
    "right_shoulder": "rShldr",
    "left_elbow": "lForeArm",
    "right_elbow": "rForeArm",
    "left_wrist": "lHand",
    "right_wrist": "rHand",
}

# Axis of each elbow's bend in the rest pose, forearm forward and up. In a few trials the conversion
# behind the corpus put the bend on the wrong side: a boxer's guard stands behind the back. An arm that
# ever bends farther back than this is taken to be one of them.
ELBOW_AXES = {"left_elbow": (0.0, -0.866, 0.5), "right_elbow": (0.0, 0.866, -0.5)}
BENT_BACK_RAD = np.radians(-30.0)

# Trials whose joints have another zero, most of which begin lying: the pelvis of who lies is as high
# as a seat, legs hang down from a level body, and feet that stand are 0.7 m lower (docs/adr/0024).
# No shift puts them right.
WRONG_LEGS = frozenset(
    ("07_12", "09_10", "20_10", "77_17", "77_18", "111_06", "111_07", "111_08", "111_21", "114_02")
    + ("114_11", "139_17", "139_18", "140_01", "140_02", "140_03", "140_04", "140_08", "140_09")
)


def _mend_elbows(quat: Float[np.ndarray, "t j 4"], skeleton: Skeleton) -> None:
    """Turn elbows that bend backwards to the front, in place: the inverse of their rotation."""
    for joint, axis in ELBOW_AXES.items():
        column = skeleton.index(joint)
        q = canonical_sign(quat[:, column])
        bend = 2 * np.arctan2(q[:, :3] @ np.array(axis), q[:, 3])
        if bend.min() < BENT_BACK_RAD:
            quat[:, column] = np.where(bend[:, None] < 0, quat_conjugate(q), q)


class Cmu20:
    """Source over a folder with cmu20.npz, trials.csv and clips.jsonl."""

    name = "cmu20"
    licence = (
        "Motion: CMU Graphics Lab Motion Capture Database; free for use in research projects, may be "
        "included in commercially sold products, may not be resold directly, even in converted form. "
        "Captions: HumanML3D (Guo et al., CVPR 2022), MIT licence, Copyright (c) 2022 Chuan Guo."
    )
    acknowledgement = (
        "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created "
        "with funding from NSF EIA-0196217."
    )
    files = ("cmu20.npz", "trials.csv", "clips.jsonl")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in self.files:
            if not (folder / name).is_file():
                raise CorpusError(f"{folder / name}: missing; the source needs {', '.join(self.files)}")

    def input_checksums(self) -> Mapping[str, str]:
        return {name: sha256_of(self.folder / name) for name in self.files}

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        path = self.folder / "cmu20.npz"
        try:
            arrays = read_arrays(path, ARRAYS)
        except FormatError as error:
            raise CorpusError(str(error)) from None
        lacking = [name for name in ARRAYS if name not in arrays]
        if lacking:
            raise CorpusError(f"{path}: lacks the arrays {', '.join(lacking)}")
        return arrays

    @cached_property
    def _rows(self) -> dict[str, tuple[int, int]]:
        a = self._arrays
        return {
            str(t): (int(s), int(n))
            for t, s, n in zip(a["trials"], a["start"], a["length"], strict=True)
        }

    @cached_property
    def _table(self) -> dict[str, dict[str, str]]:
        path, table = self.folder / "trials.csv", {}
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise CorpusError(f"{path}:1: lacks the columns {', '.join(lacking)}")
            for row in reader:
                if row["fold"] not in ("0", "1", "2", "3", "4"):
                    fold = row["fold"]
                    raise CorpusError(f"{path}:{reader.line_num}: a fold is 0 to 4, not {fold!r}")
                table[row["trial"]] = row
        return table

    @cached_property
    def _spans(self) -> dict[str, list[Span]]:
        spans = defaultdict(list)
        with (self.folder / "clips.jsonl").open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    spans[row["trial"]].append(_span(row))
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    raise CorpusError(
                        f"{self.folder / 'clips.jsonl'}:{number}: not a clip ({error})"
                    ) from None
        return spans

    def trial_ids(self) -> Sequence[str]:
        return list(self._rows)

    def read(self, trial_id: str) -> Trial | Dropped:
        start, length = self._rows[trial_id]
        row = self._table.get(trial_id)
        if row is None:
            return Dropped(trial_id, "not in trials.csv")
        if trial_id in WRONG_LEGS:
            return Dropped(trial_id, "body and floor do not fit together")
        a = self._arrays
        column = {str(name): k for k, name in enumerate(a["animated"])}
        skeleton = canonical_skeleton()
        stored = a["quat_xyzw"][start : start + length] / QUAT_SCALE
        quat = np.zeros((length, len(skeleton), 4))
        quat[..., 3] = 1.0
        for joint, source in SOURCE_JOINT.items():
            quat[:, skeleton.index(joint)] = stored[:, column[source]]
        _mend_elbows(quat, skeleton)
        root = a["root_m"][start : start + length].astype(np.float64)
        if not (np.isfinite(root).all() and np.abs(quat).max(axis=-1).all()):
            return Dropped(trial_id, "holds NaN or a rotation of length zero")
        return Trial(
            trial_id,
            row["group"],
            Motion(skeleton, FPS, root, quat),
            tuple(self._spans.get(trial_id, ())),
            int(row["fold"]),
            f"{row['description']} ({row['subject_description']})",
        )


def _span(row: dict) -> Span:
    captions = tuple(Caption(c["text"], c.get("start_s"), c.get("end_s")) for c in row["captions"])
    return Span(row["id"], row["start_s"], row["end_s"], captions, row["official_split"])
