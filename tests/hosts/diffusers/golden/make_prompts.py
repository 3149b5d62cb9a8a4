"""Makes ``prompts.json``: what AUTOMATIC1111's own code makes of prompts, on tiny text encoders.

    python -m tests.hosts.diffusers.golden.make_prompts FOLDER    a checkout of the WebUI, at 82a973c0

Its ``sd_hijack_clip.py``, ``sd_hijack_open_clip.py``, ``sd_emphasis.py`` and ``prompt_parser.py`` are run as they are;
what they import of the rest of the WebUI is stood in for. The largest difference to this program's is printed.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

from lib_rimo.hosts.diffusers.text import TextCache
from lib_rimo.merging.checkpoints.family import TextWindow
from tests.hosts.tiny_text import LAYERS, PROMPTS, text_pipeline, told

HERE = Path(__file__).parent / "prompts.json"
SKIPS = (1, 2, 3)


def _module(name: str, **names: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(names)
    sys.modules[name] = made
    return made


def _webui(folder: Path, tokenizer_2: Any) -> SimpleNamespace:
    """Options and the modules that are asked, with stand-ins for what they import."""
    opts = SimpleNamespace(
        emphasis="Original",
        comma_padding_backtrack=20,
        CLIP_stop_at_last_layers=1,
        sdxl_clip_l_skip=False,
        use_old_emphasis_implementation=False,
        textual_inversion_add_hashes_to_infotext=False,
    )
    package = _module("modules")
    package.__path__ = [str(folder / "modules")]
    package.shared = _module("modules.shared", opts=opts)  # type: ignore[attr-defined]
    package.devices = _module(  # type: ignore[attr-defined]
        "modules.devices", device=torch.device("cpu"), torch_npu_set_device=lambda: None
    )
    nothing = SimpleNamespace(find_embedding_at_position=lambda *_: (None, None))
    hijack = SimpleNamespace(fixes=None, embedding_db=nothing, extra_generation_params={})
    package.sd_hijack = _module("modules.sd_hijack", model_hijack=hijack)  # type: ignore[attr-defined]
    _module("lark", Lark=lambda *_, **__: None, Visitor=object, Transformer=object)
    vocabulary = tokenizer_2.get_vocab()
    spelt = {"<|startoftext|>": "<start_of_text>", "<|endoftext|>": "<end_of_text>"}
    own = SimpleNamespace(
        encoder={spelt.get(token, token): number for token, number in vocabulary.items()},
        encode=lambda text: tokenizer_2(text, add_special_tokens=False).input_ids,
    )
    open_clip = _module("open_clip")
    open_clip.tokenizer = _module("open_clip.tokenizer", _tokenizer=own)  # type: ignore[attr-defined]
    return SimpleNamespace(
        opts=opts,
        hijack=hijack,
        clip=importlib.import_module("modules.sd_hijack_clip"),
        open_clip=importlib.import_module("modules.sd_hijack_open_clip"),
    )


def _embedders(webui: SimpleNamespace, kind: str, pipeline: Any) -> list[Any]:
    first = torch.nn.Module()
    first.tokenizer, first.transformer = pipeline.tokenizer, pipeline.text_encoder
    if kind == "sd1":
        return [webui.clip.FrozenCLIPEmbedderWithCustomWords(first, webui.hijack)]
    first.layer, first.layer_idx = "hidden", LAYERS - 1  # 11 of SDXL's 12 layers: the last but one
    second = torch.nn.Module()
    second.layer, second.return_pooled = "penultimate", True

    def encode(tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        read = pipeline.text_encoder_2(tokens, output_hidden_states=True)
        return {"penultimate": read.hidden_states[-2], "pooled": read.text_embeds}

    second.encode_with_transformer = encode
    return [
        webui.clip.FrozenCLIPEmbedderForSDXLWithCustomWords(first, webui.hijack),
        webui.open_clip.FrozenOpenCLIPEmbedder2WithCustomWords(second, webui.hijack),
    ]


def main(folder: Path) -> None:
    """Writes the file."""
    pipelines = {kind: text_pipeline(kind) for kind in ("sd1", "sdxl")}
    webui = _webui(folder, pipelines["sdxl"].tokenizer_2)
    out: dict[str, Any] = {}
    largest = 0.0
    for kind, pipeline in pipelines.items():
        embedders = _embedders(webui, kind, pipeline)
        ours = TextCache(pipeline, TextWindow(77))
        for skip in SKIPS:
            webui.opts.CLIP_stop_at_last_layers = skip
            for number, prompt in enumerate(PROMPTS):
                with torch.no_grad():
                    read = [embedder([prompt]) for embedder in embedders]
                pooled = next((part[1] for part in read if isinstance(part, tuple)), None)
                tokens = torch.cat([part[0] if isinstance(part, tuple) else part for part in read], dim=-1)
                mine = ours.positive(prompt, skip)
                assert mine.tokens.shape == tokens.shape, (kind, skip, prompt)
                largest = max(largest, float((mine.tokens - tokens).abs().max()))
                row: dict[str, Any] = {"tokens": told(tokens)}
                if pooled is not None and mine.pooled is not None:
                    largest = max(largest, float((mine.pooled - pooled).abs().max()))
                    row["pooled"] = told(pooled[:, None])[0]
                if kind == "sd1" or skip == SKIPS[0]:  # SDXL's are the same whatever is skipped
                    out[f"{kind} {skip} {number}"] = row
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in out.items())
    HERE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    sys.stdout.write(f"{len(PROMPTS)} prompts, 2 kinds, clip skip {SKIPS}: largest difference {largest:g}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
