"""One study of three models for all tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nestmotion.studio.study import StudySettings, StudyStore, create_study
from nestmotion.studio.study.prompts import read_prompts
from synthetic_study import MODELS, PROMPTS, make_bundle


@pytest.fixture(scope="session")
def bundles(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return [
        make_bundle(
            folder / label,
            f"secret {label}",
            sampling={"steps": 4, "guidance": guidance, "learned_guidance": 1.0},
        )
        for label, guidance in MODELS.items()
    ]


@pytest.fixture(scope="session")
def made(tmp_path_factory, bundles) -> StudyStore:
    """A study that nobody has answered; tests that answer take a copy."""
    folder = tmp_path_factory.mktemp("studies")
    prompts_file, out = folder / "prompts.txt", folder / "study"
    prompts_file.write_text(PROMPTS, "utf-8")
    settings = StudySettings(raters=16, pairs=12, scores=12, checks=4, seconds=1.0)
    return create_study(bundles, read_prompts(prompts_file), out, settings)


@pytest.fixture
def study(made, tmp_path) -> StudyStore:
    shutil.copytree(made.folder, tmp_path / "study")
    return StudyStore(tmp_path / "study")
