"""Contact sheets show figures where they should be."""

from __future__ import annotations

import matplotlib.image
import numpy as np
from PIL import Image

from nestmotion.evaluation.contact_sheet import contact_sheet, film


def test_one_row_a_motion_and_something_drawn_in_every_cell(tmp_path, synthetic_walk):
    path = tmp_path / "sheet.png"
    walk = synthetic_walk(frames=40)
    contact_sheet([walk, walk], ["a person walks", "again"], path, columns=4)
    picture = matplotlib.image.imread(path)[..., :3]
    assert picture.shape[0] > 200
    assert picture.shape[1] > 400
    for row in np.array_split(picture, 2, axis=0):
        for cell in np.array_split(row, 5, axis=1):
            assert (cell.min(axis=-1) < 0.6).sum() > 30


def test_a_film_lasts_as_long_as_the_motion_and_moves(tmp_path, synthetic_walk):
    path = tmp_path / "walk.gif"
    film(synthetic_walk(frames=40), path)
    with Image.open(path) as picture:
        assert picture.n_frames == 20
        assert picture.info["duration"] == 100
        first = np.asarray(picture.convert("L"), dtype=int)
        picture.seek(10)
        later = np.asarray(picture.convert("L"), dtype=int)
    assert (first < 150).sum() > 100
    assert (np.abs(first - later) > 100).sum() > 50
