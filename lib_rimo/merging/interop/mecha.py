"""sd-mecha's recipes: reading those that are linear, writing any of ours.

Source: the format of sd-mecha 1.1, whose lines ``foreign_mecha_text`` reads and whose methods ``foreign_mecha_methods``
knows. Written recipes name a weight for every single tensor, so they hold any partition, and sd-mecha's result is ours
but for its own rounding; read again, they are weights by block.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from lib_rimo.errors import RecipeError
from lib_rimo.merging.checkpoints.architecture import recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.families import families
from lib_rimo.merging.interop.blocks import sum_of
from lib_rimo.merging.interop.linear import LinearRecipe, Shares, alone
from lib_rimo.merging.interop.mecha_methods import Literal, Value, called
from lib_rimo.merging.interop.mecha_text import VERSION, Reference, Statement, Word, damaged, statements
from lib_rimo.merging.interop.mecha_values import Mix, Remarks, by_block, unsupported
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe

STRUCTURAL = "structural"
"""Its name for a family that it does not know, such as SD2."""
SPACE = "weight"
"""Its name for what whole models are, as opposed to differences."""


def read_mecha(text: str) -> LinearRecipe:
    """Reads a ``.mecha`` recipe.

    Raises:
        RecipeError: The text is no such recipe, or it holds a method that is not linear.
    """
    nodes: list[Value] = []
    models: dict[str, None] = {}
    remarks = Remarks()
    for statement in statements(text):
        nodes.append(_node(statement, nodes, models, remarks))
    root = nodes[-1] if nodes else None
    if not isinstance(root, Mix) or root.is_number or not root.shares:
        raise RecipeError("The recipe does not end in a model", found=text.strip().rpartition("\n")[2][:80])
    shares, tensors = by_block(root.shares)
    return LinearRecipe(
        root.head,
        shares,
        maker="sd-mecha",
        notes=remarks.notes(root.head),
        order=tuple(models),
        tensors=tensors,
        is_exact=True,
    ).check()


def _node(statement: Statement, nodes: list[Value], models: dict[str, None], remarks: Remarks) -> Value:
    plain = tuple(_value(word, statement, nodes) for word in statement.plain)
    named = {name: _value(word, statement, nodes) for name, word in statement.named.items()}
    if statement.command == "dict" and not plain:
        return Literal(named)
    if statement.command == "merge" and plain and isinstance(plain[0], str):
        return called(plain[0], plain[1:], named, remarks)
    told = {
        "model": ("path", "model_config", "merge_space"),
        "literal": ("value", "model_config", "merge_space"),
    }
    names = told.get(statement.command, ())
    given = {**dict(zip(names, plain, strict=False)), **named}
    if not names or names[0] not in given or len(plain) > len(names) or not set(given) <= set(names):
        raise damaged(statement.line, f"{statement.command} with other words than are known")
    value, config = given[names[0]], given.get("model_config")
    if statement.command == "literal":
        if not isinstance(value, Literal):
            raise damaged(statement.line, "a literal of something else than a dict")
        return Literal(value.named, config if isinstance(config, str) else None)
    return _model(statement, value, config, given.get("merge_space"), models)


def _model(statement: Statement, path: Value, config: Value, space: Value, models: dict[str, None]) -> Mix:
    if isinstance(path, float):  # a hand may leave out the quotes
        path = f"{path:g}"
    if not isinstance(path, str) or not path.strip():
        raise damaged(statement.line, "a model without a name")
    known = (*_configs().values(), STRUCTURAL)
    if config is not None and config not in known:
        raise unsupported("a model's family", f"model_config of {path}: {config}", ", ".join(known))
    if space is not None and space != SPACE:
        raise unsupported("a model that is a difference", f"merge_space of {path}: {space}", SPACE)
    name = str(PurePosixPath(path))  # "./a" and "a" are one file
    models[name] = None
    return Mix(alone(name), name)


def _value(word: Word, statement: Statement, nodes: list[Value]) -> Value:
    if not isinstance(word, Reference):
        return word
    if word.number >= len(nodes):
        raise damaged(statement.line, f"&{word.number} stands before what it names")
    return nodes[word.number]


def write_mecha(recipe: Recipe, base: Checkpoint, partition: Partition) -> str:
    """A recipe as sd-mecha's text.

    Args:
        recipe: Ours.
        base: Tells the tensors and the family.
        partition: The block groups of the recipe.

    Raises:
        RecipeError: sd-mecha does not know the family, or would take one of two models of one name for the other;
            or the recipe is no sum of its models.
    """
    recipe = sum_of(recipe, "sd-mecha")
    family, configs = recognise(base).name, _configs()
    if family not in configs:
        raise RecipeError("sd-mecha has no name for this family", found=family, wanted=", ".join(configs))
    config = configs[family]
    names = [source.name for source in (recipe.base, *recipe.used_partners())]
    if len(set(names)) != len(names):
        raise RecipeError(
            "Two models of the recipe have one name", found=", ".join(names), fix="Rename one of them"
        )
    lines = [VERSION]

    def add(line: str) -> str:
        lines.append(line)
        return f"&{len(lines) - 2}"

    def model(name: str) -> str:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return add(f'model "{quoted}" model_config="{config}" merge_space="weight"')

    result = start = model(recipe.base.name)
    for number, partner in enumerate(recipe.partners):
        weights = {
            key: recipe.row(group)[number] if (group := partition.group_of(key)) is not None else 0.0
            for key in base
            if base.dtype(key).is_floating_point and not key.startswith("model_ema.")
        }
        if not any(weights.values()):
            continue
        difference = add(f'merge "subtract" {model(partner.name)} {start}')
        listed = add("dict " + " ".join(f"{key}={weight!r}" for key, weight in weights.items()))
        alpha = add(f'literal {listed} model_config="{config}" merge_space="param"')
        result = add(f'merge "add_difference" {result} {difference} alpha={alpha}')
    return "\n".join(lines)  # sd-mecha takes an empty last line for an error


def _configs() -> dict[str, str]:
    """sd-mecha's names of the families that both know."""
    return {f.name: f.names["sd-mecha"] for f in families() if "sd-mecha" in f.names}


__all__ = ["Shares", "read_mecha", "write_mecha"]
