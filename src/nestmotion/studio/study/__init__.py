"""A blind study: people judge clips of several models without knowing which model made which."""

from nestmotion.studio.study.create import StudySettings, create_study
from nestmotion.studio.study.store import StudyStore

__all__ = ["StudySettings", "StudyStore", "create_study"]
