"""A header is checked before a byte of it is trusted."""

import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.header import TensorSpec, build_header
from tests.merging.models import write


def file_of(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with a header of one's own making."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def entry(start: int = 0, end: int = 8, dtype: object = "F32", shape: object = (2,)) -> dict[str, object]:
    return {
        "dtype": dtype,
        "shape": list(shape) if isinstance(shape, tuple) else shape,
        "data_offsets": [start, end],
    }


EIGHT = bytes(8)
FORGED = {
    "empty": b"",
    "shorter than its length field": b"\x01\x02",
    "length beyond the file": file_of({}, length=1000),
    "absurd length": file_of({}, length=2**63),
    "over the format's limit": file_of({}, length=100_000_001),
    "no object": file_of([1, 2]),
    "not JSON": file_of(b"{nope}"),
    "not text": file_of(b'{"\xff\xfe": 1}'),
    "deeply nested": file_of(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a number of many digits": file_of(
        b'{"x":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,8]}}'
    ),
    "NaN": file_of(b'{"x":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', EIGHT),
    "entry of another form": file_of({"x": 3}),
    "missing shape": file_of({"x": {"dtype": "F32", "data_offsets": [0, 8]}}, EIGHT),
    "a stranger in the entry": file_of({"x": {**entry(), "more": 1}}, EIGHT),
    "unknown type": file_of({"x": entry(dtype="F31")}, EIGHT),
    "type of another form": file_of({"x": entry(dtype=["F32"])}, EIGHT),
    "negative shape": file_of({"x": entry(shape=(-2,))}, EIGHT),
    "fractional shape": file_of({"x": entry(shape=(2.0,))}, EIGHT),
    "truth as shape": file_of({"x": entry(shape=(True, 2))}, EIGHT),
    "shape of another form": file_of({"x": entry(shape="2")}, EIGHT),
    "too many dimensions": file_of({"x": entry(shape=(1,) * 100 + (2,))}, EIGHT),
    "reversed offsets": file_of({"x": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, EIGHT),
    "three offsets": file_of({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 8]}}, EIGHT),
    "size against shape": file_of({"x": entry(shape=(3,))}, EIGHT),
    "product that overflows": file_of({"x": entry(shape=(2**40, 2**40))}, EIGHT),
    "overlap": file_of({"x": entry(), "y": entry(4, 12)}, bytes(12)),
    "twice the same bytes": file_of({"x": entry(), "y": entry()}, EIGHT),
    "gap": file_of({"x": entry(), "y": entry(12, 20)}, bytes(20)),
    "gap at the start": file_of({"x": entry(4, 12)}, bytes(12)),
    "bytes missing": file_of({"x": entry()}, bytes(7)),
    "bytes left over": file_of({"x": entry()}, bytes(9)),
    "same name twice": file_of(
        b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        EIGHT,
    ),
    "metadata of another form": file_of({"__metadata__": ["a"], "x": entry()}, EIGHT),
    "metadata with numbers": file_of({"__metadata__": {"a": 1}, "x": entry()}, EIGHT),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_header_is_refused(tmp_path, kind):
    """Each kind of lie gives an error that names the file, before anything is allocated from it."""
    path = tmp_path / "forged.safetensors"
    path.write_bytes(FORGED[kind])
    with pytest.raises(CheckpointError, match=r"forged\.safetensors"):
        open_checkpoint(path)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("header")
    tensors = {"a.weight": torch.randn(3, 2).half(), "b": torch.arange(4), "c": torch.tensor(1.5)}
    return folder, write(folder / "valid.safetensors", tensors, note="text").read_bytes()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_a_header_does_more_than_be_refused(valid, data):
    """Flipped, cut, doubled and inserted bytes end in a readable file or a CheckpointError, never in a crash."""
    folder, whole = valid
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "repeat", "digit"]))
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        if kind == "flip" and content:
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del content[at:]
        elif kind == "insert":
            content[at:at] = data.draw(st.binary(max_size=6))
        elif kind == "digit" and content:
            digits = [i for i, c in enumerate(content) if chr(c).isdigit()]
            if digits:
                content[data.draw(st.sampled_from(digits))] = data.draw(st.sampled_from(b"0123456789"))
        else:
            content[at:at] = content[at : at + 12]
    path = folder / "mutant.safetensors"
    path.write_bytes(bytes(content))
    try:
        checkpoint = open_checkpoint(path)
    except CheckpointError:
        return
    with checkpoint:
        for key in checkpoint:
            tensor = checkpoint.tensor(key)
            assert tuple(tensor.shape) == checkpoint.shape(key)
            tensor.clone()


SPECS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda name: name != "__metadata__"),
    st.builds(
        TensorSpec,
        st.sampled_from([torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]),
        st.lists(st.integers(0, 4), max_size=3).map(tuple),
    ),
    min_size=1,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specs=SPECS,
    metadata=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
    ),
)
def test_our_headers_are_read_by_us_and_by_the_format_s_own_library(tmp_path, specs, metadata):
    """What we lay out, both readers take, with every tensor aligned to its element size."""
    head, starts = build_header(specs, metadata)
    path = tmp_path / "own.safetensors"
    path.write_bytes(head + bytes(sum(spec.size_bytes for spec in specs.values())))
    assert all(starts[name] % specs[name].dtype.itemsize == 0 for name in specs)
    with open_checkpoint(path) as found:
        assert {name: found.spec(name) for name in found} == specs
        assert found.metadata == metadata
    with safe_open(str(path), "pt") as other:
        assert set(other.keys()) == set(specs)
