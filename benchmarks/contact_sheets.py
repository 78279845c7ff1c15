"""Draw the contact sheet of the ten prompts in docs/contact-sheets.md.

python benchmarks/contact_sheets.py OUT.png [BUNDLE]
"""

import sys
from pathlib import Path

from nestmotion.evaluation.contact_sheet import contact_sheet
from nestmotion.generate import TextToMotion

PROMPTS = (
    "a person walks forward",
    "a person walks backwards",
    "a person stands still",
    "a person runs forward",
    "a person jumps up and down",
    "a person waves with the right hand",
    "a person sits down on a chair",
    "a person walks in a circle",
    "a person kicks with the left leg",
    "a person walks forward, then turns around and walks back",
)

if __name__ == "__main__":
    model = TextToMotion.load(sys.argv[2] if len(sys.argv) > 2 else None)
    motions = [model.generate(prompt, seconds=6, seed=0)[0] for prompt in PROMPTS]
    contact_sheet(motions, PROMPTS, Path(sys.argv[1]))
