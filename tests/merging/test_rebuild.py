"""From recipe and parents to the same checkpoint, bit for bit; ancestors in the metadata."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from lib_rimo.errors import CheckpointError, RecipeError, SaveError
from lib_rimo.merging import Recipe, Sources, load_partition, save_merged
from lib_rimo.merging.checkpoints.digest import data_sha256, file_sha256
from lib_rimo.merging.contact.contact import contact_recipe
from lib_rimo.merging.contact.contact_spec import ContactSpec
from lib_rimo.merging.mix.partition import partition_from_json
from lib_rimo.merging.rebuild import rebuild
from lib_rimo.merging.saving.ancestry import read_tree, shares, tree_of
from lib_rimo.merging.saving.derived import mix_source
from lib_rimo.merging.saving.options import SaveOptions
from tests.merging.models import Family, bits, family, sd1_tensors, write

THEATER = {"mid": (0.5, 0.25), "in0-6": (0.0, 1.0), "text": (1.2, -0.4)}


def texts_of(path: Path) -> dict[str, str]:
    """A file's metadata, read by the format's own library."""
    with safe_open(str(path), "pt") as file:
        return dict(file.metadata())


@pytest.fixture
def three(tmp_path):
    folder = tmp_path / "parents"
    folder.mkdir()
    return family(folder)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def mix_of_a_mix(three: Family, out: Path, form: SaveOptions | None = None) -> tuple[Path, Path]:
    """Two epochs of ancestry: a mix is saved, and mixed again with another partner."""
    first = save_merged(three.everywhere(0.3, 0.2), three.sources, three.partition, out, "first", form=form)
    fourth = write(three.folder / "fourth.safetensors", sd1_tensors(9))
    with Sources() as sources:
        base, partner = sources.source_of(first), sources.source_of(fourth)
        recipe = Recipe(base, (partner,), "mbw", {"in03": (0.5,), "out07": (-0.25,), "text": (1.0,)})
        return first, save_merged(recipe, sources, load_partition("mbw"), out, "second")


@pytest.mark.parametrize(
    "form", [SaveOptions(), SaveOptions("bf16", vae=False, ema=False), SaveOptions("fp32")]
)
def test_a_recipe_and_its_parents_give_the_same_file_again(three, out, form):
    """The whole file is equal, header included, and the hash of its tensors proves it."""
    path = save_merged(three.recipe(THEATER), three.sources, three.partition, out, "mix", form=form)
    done = rebuild(texts_of(path), [three.folder], out, "again")
    assert done.path.read_bytes() == path.read_bytes()
    assert done.proved
    assert done.data_hash == data_sha256(path) == texts_of(path)["modelspec.hash_sha256"][2:]
    assert done.computed == ()


def test_a_mix_of_a_mix_is_rebuilt_without_the_mix_between(three, out):
    """Two epochs of ancestry, the file between them deleted: computed on the way, to the same bits."""
    first, second = mix_of_a_mix(three, out)
    texts, wanted = texts_of(second), second.read_bytes()
    with_file = rebuild(texts, [three.folder, out], out, "with file")
    first.unlink()
    without = rebuild(texts, [three.folder], out, "without file")
    assert with_file.path.read_bytes() == without.path.read_bytes() == wanted
    assert without.computed == ("first.safetensors",)
    assert with_file.computed == ()


def test_the_form_of_the_mix_between_is_kept(three, out):
    """It was saved in half precision without VAE: the second mix meets it rounded and cut the same way."""
    first, second = mix_of_a_mix(three, out, SaveOptions("bf16", vae=False, ema=False))
    texts, wanted = texts_of(second), second.read_bytes()
    first.unlink()
    assert rebuild(texts, [three.folder], out, "again").path.read_bytes() == wanted


def test_a_partition_of_one_s_own_travels_along(three, out, tmp_path):
    """The definition of the block groups is in the metadata, so no JSON file is needed later."""
    own = json.loads(json.dumps(load_partition("coarse").to_json()))
    own["name"] = "mine"
    (tmp_path / "mine.json").write_text(json.dumps(own))
    partition = load_partition(tmp_path / "mine.json")
    recipe = Recipe(three.named[0], (three.named[1],), "mine", {"in": (0.5,)})
    path = save_merged(recipe, three.sources, partition, out, "mix")
    (tmp_path / "mine.json").unlink()
    assert rebuild(texts_of(path), [three.folder], out, "again").path.read_bytes() == path.read_bytes()
    assert partition_from_json(partition.to_json(), "again") == partition


def test_a_contact_fusion_is_rebuilt(three, out):
    """The computed parent is named in the tree by what it is computed from."""
    kept, donor = three.named[0], three.named[1]
    spec = ContactSpec(kept, donor, "theater", {"mid": 2, "in0-6": 1})
    recipe = contact_recipe(three.sources, three.partition, spec, device="cpu")
    path = save_merged(recipe, three.sources, three.partition, out, "fused")
    done = rebuild(texts_of(path), [three.folder], out, "again")
    assert done.path.read_bytes() == path.read_bytes()
    assert done.computed == (spec.name,)


def test_a_mix_without_a_file_is_the_same_as_its_file(three, out):
    """Tensor for tensor and key for key, whatever the form."""
    recipe = three.recipe(THEATER)
    for number_type in ("", "bf16"):
        form = SaveOptions(number_type, vae=False)
        path = save_merged(recipe, three.sources, three.partition, out, f"m{number_type}", form=form)
        with Sources() as sources:
            saved = sources.open(sources.source_of(path))
            made = three.sources.open(mix_source(recipe, three.sources, three.partition, "x", form))
            assert set(made) == set(saved)
            assert all(bits(made.tensor(k)) == bits(saved.tensor(k)) for k in saved)


def test_files_are_found_by_content_under_any_name(three, out, tmp_path):
    """Renamed, moved into a subfolder, beside damaged files."""
    path = save_merged(three.recipe(THEATER), three.sources, three.partition, out, "mix")
    (tmp_path / "else" / "deep").mkdir(parents=True)
    for number, parent in enumerate(three.paths):
        shutil.move(parent, tmp_path / "else" / "deep" / f"renamed {number}.safetensors")
    (tmp_path / "else" / "broken.safetensors").write_bytes(b"nothing")
    done = rebuild(texts_of(path), [tmp_path / "else"], out, "again")
    assert done.path.read_bytes() == path.read_bytes()


def test_missing_and_changed_parents_are_named_and_nothing_is_written(three, out):
    """One parent is gone, another has one other number; both are told with their hashes."""
    path = save_merged(three.recipe(THEATER), three.sources, three.partition, out, "mix")
    wanted = file_sha256(three.paths[2])
    three.paths[1].unlink()
    changed = sd1_tensors(2)
    changed["model.diffusion_model.out.0.bias"][0] += 1
    write(three.paths[2], changed)
    before = sorted(p.name for p in out.iterdir())
    with pytest.raises(CheckpointError) as caught:
        rebuild(texts_of(path), [three.folder], out, "again")
    assert "partner1.safetensors (missing" in str(caught.value)
    assert f"partner2.safetensors (another file of this name, SHA-256 {wanted[:12]}" in str(caught.value)
    assert sorted(p.name for p in out.iterdir()) == before


def test_a_change_that_the_fingerprint_cannot_see_is_seen(three, out, monkeypatch):
    """Large files are fingerprinted by samples; the recorded SHA-256 covers every byte."""
    path = save_merged(three.recipe(THEATER), three.sources, three.partition, out, "mix")
    texts = texts_of(path)
    data = json.loads(texts["rimo_ancestry"])
    data["checkpoints"][three.named[1].fingerprint]["sha256"] = "0" * 64
    with pytest.raises(CheckpointError, match="was changed"):
        rebuild({**texts, "rimo_ancestry": json.dumps(data)}, [three.folder], out, "again")
    assert [p.name for p in out.iterdir()] == ["mix.safetensors"]


def test_another_result_than_the_recorded_one_is_not_written(three, out):
    """If the hash of the tensors differs, the file never gets its name."""
    path = save_merged(three.recipe(THEATER), three.sources, three.partition, out, "mix")
    texts = {**texts_of(path), "modelspec.hash_sha256": "0x" + "ab" * 32}
    with pytest.raises(SaveError, match="not the one"):
        rebuild(texts, [three.folder], out, "again")
    assert [p.name for p in out.iterdir()] == ["mix.safetensors"]


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"sd_merge_recipe": '{"type": "someone else"}'},
        {"rimo_recipe": "{"},
        {"rimo_recipe": "[]"},
        {"rimo_recipe": '{"rimo_recipe": 99}'},
        {"rimo_recipe": '{"rimo_recipe": 1}'},
    ],
)
def test_metadata_of_others_and_damaged_metadata_are_refused(out, texts):
    """A clear message, nothing written."""
    with pytest.raises(RecipeError):
        rebuild(texts, [out], out, "again")
    assert list(out.iterdir()) == []


def test_shares_of_all_ancestors_add_up(three, out):
    """Shares by group follow from the weights of both epochs, and all of them together are one."""
    _, second = mix_of_a_mix(three, out)
    data = json.loads(texts_of(second)["rimo_ancestry"])
    by_name = {row["name"]: row for row in data["shares"]}
    assert set(by_name) == {
        "base.safetensors",
        "partner1.safetensors",
        "partner2.safetensors",
        "fourth.safetensors",
    }
    assert sum(row["share"] for row in by_name.values()) == pytest.approx(1, abs=1e-5)
    assert by_name["partner1.safetensors"]["groups"]["in03"] == pytest.approx(0.3 * 0.5)
    assert by_name["partner2.safetensors"]["groups"]["out07"] == pytest.approx(0.2 * 1.25)
    assert by_name["fourth.safetensors"]["groups"]["text"] == pytest.approx(1)
    assert "text" not in by_name["base.safetensors"]["groups"]
    assert data["checkpoints"][three.named[1].fingerprint]["sha256"] == file_sha256(three.paths[1])


def test_a_tree_that_goes_in_circles_ends(three):
    """A forged tree in which a checkpoint is its own ancestor neither hangs nor crashes."""
    recipe = three.recipe({"mid": (0.5, 0.0)})
    node = {"name": "circle", "recipe": recipe.to_json(), "partition": three.partition.to_json()}
    own, tree = read_tree(
        {
            "rimo_recipe": recipe.to_text(),
            "rimo_ancestry": json.dumps(
                {"format": 1, "checkpoints": {s.fingerprint: node for s in recipe.sources()}}
            ),
        }
    )
    assert own is not None
    base = three.sources.open(three.named[0])
    assert shares(recipe, three.partition, tree, base)


def test_another_program_s_texts_only_shorten_the_tree(three, out, tmp_path):
    """A parent with unreadable metadata is an ancestor of unknown origin; the save goes on."""
    odd = write(tmp_path / "odd.safetensors", sd1_tensors(7), rimo_recipe="{broken", rimo_ancestry="[]")
    with Sources() as sources:
        source = sources.source_of(odd)
        tree = tree_of([sources.open(source)])
    assert tree[source.fingerprint].recipe is None
    assert tree[source.fingerprint].name == "odd.safetensors"


def test_forms_of_files(three, out):
    """Number type, VAE and EMA copies are as asked; schedules and position ids keep their types."""
    recipe = three.recipe(THEATER)
    form = SaveOptions("bf16", vae=False, ema=False)
    path = save_merged(recipe, three.sources, three.partition, out, "mix", form=form)
    with safe_open(str(path), "pt") as file:
        found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    assert not any(key.startswith(("first_stage_model.", "model_ema.")) for key in found)
    assert found["betas"].dtype == torch.float32
    assert found["model.diffusion_model.out.2.weight"].dtype == torch.bfloat16
    assert SaveOptions.from_json(form.to_json()) == form
    with pytest.raises(SaveError, match="fp4"):
        SaveOptions("fp4")
