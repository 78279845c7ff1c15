"""Motion files: BVH, glTF, NPZ, AMASS, HumanML3D and a web page, chosen by suffix."""

from nestmotion.io.files import check_output, known_suffixes, load_motion, save_motion

__all__ = ["check_output", "known_suffixes", "load_motion", "save_motion"]
