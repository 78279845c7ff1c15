"""A small BVH file for tests."""

from __future__ import annotations

from pathlib import Path

SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 20 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Arm
    {
      OFFSET 80 30 0
      CHANNELS 3 Yrotation Zrotation Xrotation
      End Site
      {
        OFFSET 10 0 0
      }
    }
  }
  JOINT Leg
  {
    OFFSET 10 -90 5
    CHANNELS 1 Xrotation
    End Site
    {
      OFFSET 0 0 10
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0333333
0 90 0 10 20 30 1 2 3 40 50 60 70
1 91 2 11 21 31 4 5 6 41 51 61 71
2 92 4 12 22 32 7 8 9 42 52 62 72
"""


def write(folder: Path, text: str, name: str = "x.bvh") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path
