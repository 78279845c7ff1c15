"""Sources of motion and captions, and the prepared corpus that training reads."""

from nestmotion.corpus.prepare import PrepareSettings, prepare
from nestmotion.corpus.prepared import Clip, PreparedCorpus
from nestmotion.corpus.source import ActionSpan, Caption, Dropped, Source, Span, Trial

__all__ = [
    "ActionSpan",
    "Caption",
    "Clip",
    "Dropped",
    "PrepareSettings",
    "PreparedCorpus",
    "Source",
    "Span",
    "Trial",
    "prepare",
]
