"""The room's README."""

import re
from pathlib import Path

from safetensors.torch import load_file

import lib_rimo.merging
from lib_rimo.merging import DictSink, Recipe, Sources, load_partition, merge_into
from tests.merging.models import bits, module_of, sd1_tensors, write


def test_the_example_runs_as_it_stands(tmp_path, monkeypatch):
    """The code block is executed word for word; the model comes back, the file holds the mixture."""
    text = (Path(lib_rimo.merging.__file__).parent / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    paths = [
        write(tmp_path / f"{name}.safetensors", sd1_tensors(i)) for i, name in enumerate(("base", "partner"))
    ]
    model = module_of(sd1_tensors())
    monkeypatch.chdir(tmp_path)
    exec(compile(code[1], "README.md", "exec"), {"model": model})
    assert all(bits(model.state_dict()[key]) == bits(tensor) for key, tensor in sd1_tensors().items())
    with Sources() as sources:
        base, partner = (sources.source_of(path) for path in paths)
        sink = DictSink()
        recipe = Recipe(base, (partner,), "theater", {"mid": (0.4,), "out0": (0.7,)})
        merge_into(recipe, sources, load_partition("theater"), sink)
    saved = load_file("mixed.safetensors")
    assert {key: bits(t) for key, t in saved.items()} == {key: bits(t) for key, t in sink.tensors.items()}
