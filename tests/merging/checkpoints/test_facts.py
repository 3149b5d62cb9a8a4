"""What a file is, told from its header."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lib_rimo.merging.checkpoints import facts as module
from lib_rimo.merging.checkpoints.facts import FactsCache, FileFacts, facts_of

UNET = "model.diffusion_model."


def write(path: Path, *, meta: dict[str, str] | None = None, old: bool = False, **more: torch.Tensor) -> Path:
    """As little of an SD1 file as it takes to be recognised."""
    text = "cond_stage_model.transformer." + ("" if old else "text_model.")
    tensors = {
        f"{UNET}input_blocks.0.0.weight": torch.zeros(320, 4, 3, 3),
        f"{UNET}out.2.weight": torch.zeros(4, 320, 3, 3),
        f"{UNET}output_blocks.0.0.weight": torch.zeros(2),
        f"{text}embeddings.token_embedding.weight": torch.zeros(2, 2),
    }
    half = {name: tensor.half() for name, tensor in tensors.items()}
    save_file(
        {**half, **{name.replace("__", "."): tensor for name, tensor in more.items()}}, str(path), meta or {}
    )
    return path


def test_a_plain_file(tmp_path: Path) -> None:
    """Family, what it usually predicts, what it holds and in which numbers."""
    facts = facts_of(write(tmp_path / "a.safetensors", first_stage_model__x__weight=torch.zeros(2)))
    assert (facts.family, facts.family_title, facts.channels) == ("sd1", "Stable Diffusion 1", 320)
    assert (facts.prediction, facts.prediction_source, facts.zero_snr) == ("epsilon", "", False)
    assert (facts.vae, facts.text, facts.old_names, facts.problem) == (True, True, False, "")
    assert facts.number_types == ("fp16", "fp32")
    assert not facts_of(write(tmp_path / "b.safetensors")).vae


@pytest.mark.parametrize("source", ["v_pred", "modelspec.prediction_type", "m.yaml"])
def test_who_says_that_it_predicts_v(tmp_path: Path, source: str) -> None:
    """An empty tensor, the metadata, or the file beside it; and the empty tensor of zero terminal SNR."""
    tensors = {"v_pred": torch.empty(0), "ztsnr": torch.empty(0)} if source == "v_pred" else {}
    meta = {source: "v"} if source.startswith("modelspec") else {}
    path = write(tmp_path / "m.safetensors", meta=meta, **tensors)
    if source == "m.yaml":
        path.with_suffix(".yaml").write_text("model: {params: {parameterization: v}}")
    facts = facts_of(path)
    assert (facts.prediction, facts.prediction_source) == ("v", source)
    assert facts.zero_snr is (source == "v_pred")


def test_old_names_are_told(tmp_path: Path) -> None:
    """A text encoder in the spelling of NovelAI's first model."""
    assert facts_of(write(tmp_path / "a.safetensors", old=True)).old_names


def test_what_cannot_be_mixed_says_why(tmp_path: Path) -> None:
    """A LoRA, a damaged file, a scaled fp8 file, no file: each has its reason, and nothing is raised."""
    lora, damaged, gone = (tmp_path / f"{name}.safetensors" for name in ("lora", "damaged", "gone"))
    save_file({"lora_unet_x.lora_down.weight": torch.zeros(2)}, str(lora))
    damaged.write_bytes(b"abc")
    scaled = write(tmp_path / "s.safetensors", scaled_fp8=torch.empty(0))
    save_file(
        {
            f"{UNET}output_blocks.0.0.weight": torch.zeros(2).to(torch.float8_e4m3fn),
            "scaled_fp8": torch.empty(0),
        },
        str(scaled),
    )
    told = {path.stem: facts_of(path).problem for path in (lora, damaged, scaled, gone)}
    assert "a LoRA" in told["lora"]
    assert "damaged" in told["damaged"]
    assert "quantised" in told["s"]
    assert "cannot be read" in told["gone"]


def test_a_file_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by the next program; a changed file, or another one beside it, is looked at anew."""
    looked: list[str] = []

    def counted(path: Path) -> FileFacts:
        looked.append(path.name)
        return facts_of(path)

    monkeypatch.setattr(module, "facts_of", counted)
    path, kept = write(tmp_path / "a.safetensors"), tmp_path / "kept" / "files.json"
    first = FactsCache(kept).of(path)
    assert FactsCache(kept).of(path) == first == facts_of(path)
    assert looked == ["a.safetensors"]
    path.with_suffix(".yaml").write_text("model: {params: {parameterization: v}}")
    assert FactsCache(kept).of(path).prediction == "v"
    kept.write_text(json.dumps({str(path): {"mark": "?"}}))
    assert FactsCache(kept).of(path).prediction == "v"
    kept.write_text("no JSON")
    FactsCache(kept).of(path)
    assert len(looked) == 4
