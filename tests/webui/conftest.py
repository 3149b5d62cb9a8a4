"""An installed WebUI that runs already, named by environment variables; without them everything here is skipped."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

URL, FOLDER, CHECKPOINTS = "RIMO_WEBUI_URL", "RIMO_WEBUI_FOLDER", "RIMO_WEBUI_CHECKPOINTS"
LORA = "rimo-test-lora"
ANSWER_S = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything below this folder, and skips it without an installation."""
    here = Path(__file__).parent
    missing = [name for name in (URL, FOLDER, CHECKPOINTS) if name not in os.environ]
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.webui)
            if missing and "inside" not in item.path.parts:
                item.add_marker(
                    pytest.mark.skip(reason=f"{', '.join(missing)} not set, see tests/webui/README.md")
                )


@dataclass(frozen=True)
class Webui:
    """A running WebUI.

    Attributes:
        url: Its address, without a closing slash.
        folder: Where it is installed.
        names: File names of the base and of one or more partners.
    """

    url: str
    folder: Path
    names: tuple[str, ...]

    def ask(self, path: str, body: object = None) -> Any:
        """The JSON answer of a route; an error's text becomes the test's."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                pytest.fail(f"{path}: {error.code} {error.read().decode()[:500]}")

    def picture(self, prompt: str = "red, star", seed: int = 5, **more: object) -> str:
        """A digest of the pixels that a user's request gives."""
        size = int(os.environ.get("RIMO_WEBUI_SIZE", "64"))
        plain = {"steps": 4, "cfg_scale": 4, "sampler_name": "Euler", "scheduler": "Automatic"}
        body = {"prompt": prompt, "seed": seed, "width": size, "height": size, **plain, **more}
        image = self.ask("sdapi/v1/txt2img", body)["images"][0]
        pixels = Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB").tobytes()
        return hashlib.sha256(pixels).hexdigest()

    def start(self, **settings: object) -> None:
        """Starts a small study on the named checkpoints."""
        size = int(os.environ.get("RIMO_WEBUI_SIZE", "64"))
        small = {
            "budget": 128,
            "unseen": 32,
            "epochs": 1,
            "seed": 3,
            "steps": 4,
            "width": size,
            "height": size,
        }
        chosen: dict[str, object] = {"base": self.names[0], "partners": list(self.names[1:])}
        if folder := os.environ.get("RIMO_WEBUI_TAGGER"):
            chosen["tagger"] = folder
        self.ask("rimo/v1/start", {**chosen, **small, **settings})

    def snapshot(self) -> dict[str, Any]:
        """The study now."""
        found: dict[str, Any] = self.ask("rimo/v1/snapshot")
        return found

    def wait(self, until: Callable[[dict[str, Any]], bool], timeout_s: float = ANSWER_S) -> dict[str, Any]:
        """The first snapshot that fits."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if until(found := self.snapshot()):
                return found
            time.sleep(0.2)
        pytest.fail(f"not reached in {timeout_s:.0f} s: {self.snapshot()}")

    def stop(self) -> None:
        """Stops whatever runs."""
        if self.snapshot()["state"] in ("preparing", "searching", "measuring", "paused"):
            self.ask("rimo/v1/stop", {})
            self.wait(lambda s: s["state"] in ("stopped", "finished", "failed"))


@pytest.fixture
def webui() -> Iterator[Webui]:
    """The WebUI with the base selected, and with no study running afterwards."""
    names = tuple(name.strip() for name in os.environ[CHECKPOINTS].split(","))
    found = Webui(os.environ[URL].rstrip("/"), Path(os.environ[FOLDER]), names)
    found.stop()
    found.ask("sdapi/v1/options", {"sd_model_checkpoint": names[0]})
    yield found
    found.stop()


@pytest.fixture
def lora(webui: Webui) -> Iterator[str]:
    """The prompt text of a LoRA on the first attention of UNet and text encoder."""
    (base,) = (webui.folder / "models").rglob(webui.names[0])
    tensors = load_file(str(base))
    layers = {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q": (
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
        ),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (
            "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight"
        ),
    }
    noise = torch.Generator().manual_seed(1)
    out: dict[str, torch.Tensor] = {}
    for name, key in layers.items():
        rows, columns = tensors[key].shape
        out[f"{name}.lora_up.weight"] = torch.randn(rows, 4, generator=noise)
        out[f"{name}.lora_down.weight"] = torch.randn(4, columns, generator=noise)
        out[f"{name}.alpha"] = torch.tensor(4.0)
    path = webui.folder / "models" / "Lora" / f"{LORA}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(out, str(path))
    webui.ask("sdapi/v1/refresh-loras", {})
    yield f"<lora:{LORA}:0.5>"
    path.unlink()
