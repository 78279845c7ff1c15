"""Which side does a bundle's network do better, and how far does it turn?

    python benchmarks/sides.py [BUNDLE] [--samples 16]

For each prompt that names the left: samples of it, and samples of its mirror image seen in the mirror,
both as the network is told them, without the bundle's weak side (docs/adr/0028). What differs between
the two rows is the network's. Then, with it, how far turns go. Post-processed, seed k for sample k.
"""

import argparse
from dataclasses import replace

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.edit import mirror
from nestmotion.evaluation.measures import skating_ratio
from nestmotion.evaluation.motion_facts import leftward_m, turned_rad
from nestmotion.generate import TextToMotion
from nestmotion.text import mirror_text

PROMPTS = (
    ("a person kicks with the left leg", 4.0),
    ("a person sidesteps to the left", 4.0),
    ("a person throws a ball with the left hand", 4.0),
    ("a person punches with the left hand", 4.0),
    ("a person waves with the left hand", 4.0),
    ("a person lifts the left knee", 3.0),
    ("a person hops on the left foot", 4.0),
    ("a person turns to the left", 4.0),
    ("a person walks in a circle counterclockwise", 6.0),
    ("a person walks in a curve to the left", 4.0),
)
TURNS = (
    ("a person turns around", (2.0, 3.0, 4.0, 6.0)),
    ("a person turns to the left", (2.0, 3.0, 5.0)),
    ("a person turns to the right", (2.0, 3.0, 5.0)),
    ("a person walks in a circle counterclockwise", (6.0,)),
    ("a person walks in a circle clockwise", (6.0,)),
    ("a person walks forward, then turns around and walks back", (6.0,)),
    ("a person walks forward", (5.0,)),
)

FACTS = (
    "left ankle, highest, m",
    "its top speed, m/s",
    "left wrist, top speed, m/s",
    "left wrist is the faster one",
    "turns left, degrees",
    "to its left, m",
    "skating ratio",
)


def top_speed(motion: Motion, joint: str, of: str) -> float:
    """Greatest speed of a joint past another, m/s."""
    way = motion.joint_m(joint) - motion.joint_m(of)
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).max() * motion.fps)


def facts(motions: list[Motion]) -> str:
    """Means over samples, as FACTS has them."""

    def mean(fact) -> float:
        return float(np.mean([fact(motion) for motion in motions]))

    wrists = [[top_speed(m, f"{s}_wrist", f"{s}_shoulder") for s in ("left", "right")] for m in motions]
    cells = (
        f"{mean(lambda m: m.joint_m('left_ankle')[:, 1].max()):.2f}",
        f"{mean(lambda m: top_speed(m, 'left_ankle', 'pelvis')):.1f}",
        f"{np.mean(wrists, axis=0)[0]:.1f}",
        f"{sum(left > right for left, right in wrists)} of {len(wrists)}",
        f"{np.rad2deg(mean(turned_rad)):.0f}",
        f"{mean(leftward_m):.2f}",
        f"{mean(lambda m: skating_ratio(m.positions_m)):.2f}",
    )
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", help="bundle folder; the default bundle when not given")
    parser.add_argument("--samples", type=int, default=16)
    options = parser.parse_args()

    model, plain = (TextToMotion.load(options.bundle) for _ in range(2))
    manifest = plain.bundle.manifest
    plain.bundle = replace(
        plain.bundle, manifest=manifest | {"sampling": manifest["sampling"] | {"weak_side": {}}}
    )

    def made(network: TextToMotion, text: str, seconds: float) -> list[Motion]:
        return [network.generate(text, seconds, seed)[0] for seed in range(options.samples)]

    print("| prompt | told as | " + " | ".join(FACTS) + " |")
    print("|---" * (2 + len(FACTS)) + "|")
    for text, seconds in PROMPTS:
        print(f"| {text} | left | {facts(made(plain, text, seconds))} |")
        other = [mirror(motion) for motion in made(plain, mirror_text(text), seconds)]
        print(f"| | right | {facts(other)} |", flush=True)
    print("\n| prompt | seconds | turned, degrees: median | least | most |\n|---|---|---|---|---|")
    for text, lengths in TURNS:
        for seconds in lengths:
            turned = [abs(np.rad2deg(turned_rad(m))) for m in made(model, text, seconds)]
            row = f"{np.median(turned):.0f} | {min(turned):.0f} | {max(turned):.0f}"
            print(f"| {text} | {seconds:g} | {row} |", flush=True)


if __name__ == "__main__":
    main()
