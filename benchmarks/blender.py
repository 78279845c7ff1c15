"""Does Blender show what nestmotion writes? GLB and BVH against the joints' places.

    pip install --no-deps bpy==4.5.15     # Blender as a module, for Python 3.11; about 300 MB
    python benchmarks/blender.py [CLIP.npz]

Without a clip one is generated. Both files are imported as docs/blender.md says; at every tenth frame
the heads of the bones are compared with the motion's joints. Prints the largest distance for each.
(--no-deps: it asks for an older NumPy, complains about ours on stderr, and works.)
"""

import argparse
import tempfile
from pathlib import Path

import bpy
import numpy as np

from nestmotion.core import Motion
from nestmotion.generate import TextToMotion
from nestmotion.io import load_motion, save_motion

PROMPT = "a person walks forward and waves the left hand"


def imported(path: Path) -> bpy.types.Object:
    """The armature of a file in an otherwise empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.import_anim.bvh(filepath=str(path), global_scale=0.01, update_scene_fps=True)
    return next(found for found in bpy.data.objects if found.type == "ARMATURE")


def largest_distance_m(motion: Motion, armature: bpy.types.Object) -> float:
    """Between joints and heads of bones; Blender's Z is up and -Y ahead."""
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    first = armature.animation_data.action.frame_range[0]
    found = 0.0
    for frame in range(0, len(motion), 10):
        at = first + frame / motion.fps * fps
        scene.frame_set(int(at), subframe=at % 1.0)
        for joint, name in enumerate(motion.skeleton.joint_names):
            x, y, z = armature.matrix_world @ armature.pose.bones[name].head
            found = max(found, np.abs(np.array((x, z, -y)) - motion.positions_m[frame, joint]).max())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, help="motion file; generated when not given")
    clip = parser.parse_args().clip
    motion = load_motion(clip) if clip else TextToMotion.load().generate(PROMPT, 4.0)[0]
    print(f"Blender {bpy.app.version_string}")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".glb", ".bvh"):
            path = Path(folder) / f"clip{suffix}"
            save_motion(motion, path)
            armature = imported(path)
            action = armature.animation_data.action
            print(
                f"{suffix}: largest distance {1000 * largest_distance_m(motion, armature):.5f} mm, "
                f"frames {action.frame_range[0]:g} to {action.frame_range[1]:g} "
                f"at {bpy.context.scene.render.fps} a second"
            )


if __name__ == "__main__":
    main()
