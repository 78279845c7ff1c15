"""The default bundle's model card says what its manifest says."""

from __future__ import annotations

from nestmotion.generate import default_bundle_path
from nestmotion.generate.bundle import Bundle


def test_the_card_and_the_manifest_agree():
    bundle = Bundle.open(default_bundle_path())
    card = (bundle.folder / "MODEL_CARD.md").read_text("utf-8")
    sampling = bundle.manifest["sampling"]
    assert f"{bundle.manifest['parameters'] / 1e6:.1f} million parameters" in card
    assert f"{sampling['steps']} steps, guidance {sampling['guidance']:g}" in card
    seconds = bundle.manifest["seconds"]
    assert f"{seconds['shortest']:g} to {seconds['longest']:g} seconds" in card
    assert f"{bundle.fps:g} frames a second" in card
