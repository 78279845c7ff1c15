"""Does generated motion go where the prompt says? Prints shares with intervals.

python benchmarks/prompt_checks.py [BUNDLE]
"""

import sys

from nestmotion.evaluation.prompt_checks import CHECKS, run_check
from nestmotion.generate import TextToMotion

if __name__ == "__main__":
    model = TextToMotion.load(sys.argv[1] if len(sys.argv) > 1 else None)
    for check in CHECKS:
        print(run_check(model, check))
