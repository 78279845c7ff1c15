"""Files of prompts with groups."""

from __future__ import annotations

import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.studio.study.prompts import StudyPrompt, read_prompts


def test_groups_comments_and_spaces(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("a b\n\n# no\n[ turns ]\n  c   d \n[]\ne\n", "utf-8")
    assert read_prompts(path) == [
        StudyPrompt("a b", "all"), StudyPrompt("c d", "turns"), StudyPrompt("e", "all")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "p.txt: cannot be read: no such file or directory"),
        (b"\xff\xfe", "p.txt: cannot be read: is not utf-8 text"),
        (b"# only this\n[group]\n", "p.txt: holds no prompt; write one a line"),
        (b"a b\nc\na  b\n", "p.txt:3: the prompt 'a b' is there twice; leave one out"),
    ],
)
def test_what_is_no_file_of_prompts(tmp_path, content, line):
    path = tmp_path / "p.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_prompts(path)
    assert str(caught.value).replace(f"{tmp_path}/", "") == line
