"""Feature layout, codec, foot contacts and normalizer."""

from nestmotion.features.codec import decode, encode, root_way
from nestmotion.features.contacts import foot_contacts
from nestmotion.features.layout import FeatureLayout
from nestmotion.features.mirror import mirror_features
from nestmotion.features.normalizer import Normalizer

__all__ = [
    "FeatureLayout",
    "Normalizer",
    "decode",
    "encode",
    "foot_contacts",
    "mirror_features",
    "root_way",
]
