"""Bundles for trial studies: the same network, guided more or less, under different names."""

from __future__ import annotations

import json
from pathlib import Path

from nestmotion.generate import default_bundle_path
from nestmotion.generate.bundle import MANIFEST

__all__ = ["MODELS", "PROMPTS", "make_bundle"]

# Label -> guidance. Words that occur nowhere else: found in what raters get, they name a model.
MODELS = {"quokkamodel": 4.0, "zebramodel": 2.0, "walrusmodel": 1.0}
PROMPTS = """\
# what a trial study asks
[locomotion]
a person walks forward
a person runs forward
[gestures]
a person waves with the right hand
a person raises both arms above the head
"""


def make_bundle(folder: Path, name: str, **changes: object) -> Path:
    """The default bundle with other entries in its manifest; its large files are linked."""
    folder.mkdir(parents=True)
    manifest = json.loads((default_bundle_path() / MANIFEST).read_text("utf-8"))
    for file in manifest["files"]:
        (folder / file).symlink_to(default_bundle_path() / file)
    (folder / MANIFEST).write_text(json.dumps({**manifest, "name": name, **changes}), "utf-8")
    return folder
