"""Contact sheet and films of the scenes in docs/scenes, and what is left of each wish.

    python benchmarks/scene_sheets.py OUT [BUNDLE] [--seed 0]

Writes OUT/scenes.png and OUT/NAME.gif for every docs/scenes/NAME.json. Nothing is chosen: the first
sample of the seed.
"""

import argparse
from pathlib import Path

from nestmotion.evaluation.contact_sheet import contact_sheet, film
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene_file import load_scene

SCENES = Path(__file__).parents[1] / "docs" / "scenes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("bundle", nargs="?", help="bundle folder; the default bundle when not given")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    model = TextToMotion.load(options.bundle)
    motions, names = [], []
    for path in sorted(SCENES.glob("*.json")):
        made = model.scene(load_scene(path, model.bundle.fps), options.seed)
        motions.append(made.motion)
        names.append(path.stem)
        film(made.motion, options.out / f"{path.stem}.gif")
        print(path.stem, "; ".join(map(str, made.remaining)) or "no wishes to measure", flush=True)
    contact_sheet(motions, names, options.out / "scenes.png")


if __name__ == "__main__":
    main()
