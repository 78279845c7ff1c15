"""Does an edit do what is asked, by simple facts of the stretch that changed?

    python benchmarks/edit_facts.py [--bundle BUNDLE] [--one-go] [--seed 0]

Clips of several actions, made by turns or in one go, in which one action is changed into another: 90
edits. How many show the new action in their stretch, how many of the clips before did, and how far the
root goes in stretches of actions that stay in place.
"""

import argparse
import itertools
from collections.abc import Callable

import numpy as np

from nestmotion.core import Motion
from nestmotion.evaluation.motion_facts import airborne_m, arms_raised_m, top_speed_m_s
from nestmotion.generate import TextToMotion
from nestmotion.generate.editing import edit_phrase

SECONDS = 6.0
TEXTS = (
    "a person walks forward, then {}",
    "a person {}, then walks forward",
    "a person turns to the left, {}, then waves",
)
FACTS: dict[str, Callable[[Motion], bool]] = {
    "jumps": lambda m: airborne_m(m) > 0.10,
    "sits down on a chair": lambda m: m.root_m[:, 1].min() < 0.65,
    "raises both arms above the head": lambda m: arms_raised_m(m) > 0,
    "kicks with the left leg": lambda m: m.joint_m("left_ankle")[:, 1].max() > 0.45,
    "bends down": lambda m: m.joint_m("head")[:, 1].min() < 1.1,
    "runs forward": lambda m: top_speed_m_s(m) > 1.8,
}
GOING = ("runs forward", "kicks with the left leg")


def path_m(motion: Motion) -> float:
    return float(np.linalg.norm(np.diff(motion.root_m[:, [0, 2]], axis=0), axis=1).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", help="the default bundle when not given")
    parser.add_argument("--one-go", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = TextToMotion.load(options.bundle)
    rows = {name: [0, 0, 0] for name in FACTS}
    paths = []
    for form, (old, new) in itertools.product(TEXTS, itertools.permutations(FACTS, 2)):
        text = form.format(old)
        before = model.generate(text, SECONDS, options.seed, by_turns=not options.one_go)[0]
        edited = edit_phrase(model, before, text, old, new, seed=options.seed)
        stretch = [round(t * before.fps) for t in (edited.start_s, edited.end_s)]
        had, has = (FACTS[new](motion.frames(*stretch)) for motion in (before, edited.motion))
        rows[new] = [a + b for a, b in zip(rows[new], (1, has, had), strict=True)]
        if new not in GOING:
            paths.append(path_m(edited.motion.frames(*stretch)))
    print("| to | edits | shown | before |\n|---|---|---|---|")
    for name, (count, has, had) in rows.items():
        print(f"| {name} | {count} | {has} | {had} |")
    print(f"in all {sum(r[1] for r in rows.values())} of {sum(r[0] for r in rows.values())}")
    print(f"way of the root where the action stays in place: {np.mean(paths):.2f} m")


if __name__ == "__main__":
    main()
