"""Opening checkpoint files."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.checkpoint import SAMPLE_BLOCKS, SAMPLE_BYTES, open_checkpoint
from tests.merging.models import bits, sd1_tensors, write


def test_a_file_of_another_program_reads_bit_for_bit(tmp_path):
    """Names, shapes, types, metadata and every bit are those that the safetensors library wrote."""
    tensors = sd1_tensors()
    tensors["extra.bf16"] = torch.randn(3).bfloat16()
    tensors["extra.fp8"] = torch.randn(5).to(torch.float8_e4m3fn)
    tensors["extra.bool"] = torch.tensor([True, False])
    tensors["extra.empty"] = torch.empty(0, 4)
    tensors["extra.scalar"] = torch.tensor(2.5, dtype=torch.float64)
    with open_checkpoint(write(tmp_path / "a.safetensors", tensors, hello="world")) as found:
        assert found.metadata == {"hello": "world"}
        assert found.name == "a.safetensors"
        assert set(found.keys()) == set(tensors)
        for key, tensor in tensors.items():
            assert found.shape(key) == tuple(tensor.shape)
            assert found.dtype(key) == tensor.dtype
            assert bits(found.tensor(key)) == bits(tensor)


def test_tensors_are_views_of_the_mapped_file(tmp_path):
    """Asking twice gives the same memory: nothing is copied."""
    with open_checkpoint(write(tmp_path / "a.safetensors", sd1_tensors())) as found:
        for key in found:
            assert found.tensor(key).data_ptr() == found.tensor(key).data_ptr()


def test_a_write_into_a_view_never_reaches_the_file(tmp_path):
    """The mapping is private, so even a stray write leaves the user's file alone."""
    path = write(tmp_path / "a.safetensors", {"x": torch.ones(4)})
    before = path.read_bytes()
    with open_checkpoint(path) as found:
        found.tensor("x").zero_()
    assert path.read_bytes() == before


def test_an_unaligned_file_reads_right(tmp_path):
    """Old writers did not pad their headers; such tensors are copied instead of mapped."""
    tensor = torch.arange(6, dtype=torch.float32)
    head = b'{"x":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}'
    head += b" " * (1 + -len(head) % 4)
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bits(tensor))
    with open_checkpoint(path) as found:
        assert torch.equal(found.tensor("x"), tensor)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete open files")
def test_a_file_deleted_while_open_stays_readable(tmp_path):
    """The user may tidy up during a study; what is open keeps its numbers."""
    tensors = sd1_tensors()
    path = write(tmp_path / "a.safetensors", tensors)
    with open_checkpoint(path) as found:
        path.unlink()
        assert all(bits(found.tensor(k)) == bits(t) for k, t in tensors.items())


def test_handed_out_tensors_survive_closing(tmp_path):
    """Closing lets the file go but pulls no memory away; asking again says that it is closed."""
    tensors = sd1_tensors()
    found = open_checkpoint(write(tmp_path / "a.safetensors", tensors))
    key = next(iter(found))
    tensor = found.tensor(key)
    found.close()
    assert bits(tensor) == bits(tensors[key])
    with pytest.raises(CheckpointError, match="closed"):
        found.tensor(key)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_ckpt_files_read_in_the_safe_mode(tmp_path, nested, zipped):
    """Plain and nested state dicts, of today's and of the oldest file format."""
    tensors = sd1_tensors()
    data = {"state_dict": tensors, "global_step": 7} if nested else tensors
    path = tmp_path / "a.ckpt"
    torch.save(data, path, _use_new_zipfile_serialization=zipped)
    with open_checkpoint(path) as found:
        assert set(found.keys()) == set(tensors)
        assert all(bits(found.tensor(k)) == bits(t) for k, t in tensors.items())


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_ckpt_that_runs_code_is_refused_and_not_run(tmp_path):
    """A pickle that asks for a function gets none."""
    trap, path = tmp_path / "trap", tmp_path / "a.ckpt"
    torch.save({"state_dict": {"x": torch.ones(1)}, "evil": _Evil(trap)}, path)
    with pytest.raises(CheckpointError, match="more than numbers"):
        open_checkpoint(path)
    path.write_bytes(pickle.dumps(_Evil(trap)))
    with pytest.raises(CheckpointError):
        open_checkpoint(path)
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x80\x04N."])
def test_a_ckpt_of_rubbish_is_refused(tmp_path, content):
    """Empty, torn and meaningless files give the one error that callers handle."""
    path = tmp_path / "a.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        open_checkpoint(path)


def test_a_missing_file_a_folder_and_another_kind_are_refused(tmp_path):
    """Each message names the file."""
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("none.safetensors", "folder.safetensors", "picture.png"):
        with pytest.raises(CheckpointError, match=name):
            open_checkpoint(tmp_path / name)


def test_the_fingerprint_names_the_content(tmp_path):
    """Same bytes, same fingerprint under any name; one changed number in the middle, another."""
    tensors = sd1_tensors()
    one = open_checkpoint(write(tmp_path / "a.safetensors", tensors)).fingerprint
    assert open_checkpoint(write(tmp_path / "b.safetensors", tensors)).fingerprint == one
    key = "first_stage_model.decoder.conv_out.weight"
    tensors[key] = tensors[key] + 1
    assert open_checkpoint(write(tmp_path / "a.safetensors", tensors)).fingerprint != one


def test_the_fingerprint_of_a_large_file_reads_a_bounded_part(tmp_path):
    """Beyond 16 MiB only the sample counts, with the first and the last block in it."""
    size = SAMPLE_BLOCKS * SAMPLE_BYTES // 4 + 50_000
    tensor = torch.zeros(size)
    prints = []
    for change in (None, 0, size - 1):
        other = tensor.clone()
        if change is not None:
            other[change] = 1.0
        prints.append(open_checkpoint(write(tmp_path / "a.safetensors", {"x": other})).fingerprint)
    assert len(set(prints)) == 3


def test_nonfinite_numbers_are_found(tmp_path):
    """NaN and both infinities, in every floating type, at the far end of a tensor."""
    tensors = {"fine": torch.ones(3), "whole": torch.arange(3)}
    for name, value in (("nan", float("nan")), ("plus", float("inf")), ("minus", float("-inf"))):
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            tensor = torch.zeros(300_001, dtype=dtype)
            tensor[-1] = value
            tensors[f"{name}.{dtype}"] = tensor
    with open_checkpoint(write(tmp_path / "a.safetensors", tensors)) as found:
        assert set(found.nonfinite_keys()) == set(tensors) - {"fine", "whole"}
        assert found.nonfinite_keys(["fine"]) == ()


def test_old_spellings_are_read_as_todays(tmp_path):
    """Early SD1 files leave text_model out of the names; they mix with new ones all the same."""
    new = "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.bias"
    old = new.replace("text_model.", "")
    with open_checkpoint(write(tmp_path / "a.safetensors", {old: torch.ones(2)})) as found:
        assert found.keys() == (new,)
        assert torch.equal(found.tensor(new), torch.ones(2))
    both = {old: torch.ones(2), new: torch.zeros(2)}
    with open_checkpoint(write(tmp_path / "b.safetensors", both)) as found:
        assert all(torch.equal(found.tensor(k), t) for k, t in both.items())
