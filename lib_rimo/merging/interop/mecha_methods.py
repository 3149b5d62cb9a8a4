"""The methods of sd-mecha that are linear in the models, and what they mean.

Source: sd-mecha 1.1.8 (1.1.5 has the same). Its parameters may be given in order or by name; what is not listed here is
refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lib_rimo.errors import RecipeError
from lib_rimo.merging.interop.linear import (
    ALL,
    BASE,
    REST,
    SD1_BLOCKS,
    TEXT2,
    VAE,
    Weights,
    block_names,
    complement,
)
from lib_rimo.merging.interop.mecha_values import (
    SD1_CONFIG,
    SDXL_CONFIG,
    SINGLE,
    Mix,
    Remarks,
    from_names,
    mixed,
    number,
    unsupported,
)


@dataclass(frozen=True, slots=True)
class Literal:
    """Numbers or texts by name.

    Attributes:
        named: Name -> value.
        config: What sd-mecha calls the names.
    """

    named: Mapping[str, Value]
    config: str | None = None


Value = Mix | Literal | str | float | bool | None
"""What a line of a recipe can stand for."""

COMPONENTS: Mapping[str, frozenset[str]] = {
    "clip_l": frozenset({BASE}),
    "clip_g": frozenset({TEXT2}),
    "vae": frozenset({VAE}),
    "diffuser": frozenset({*block_names(SD1_BLOCKS), REST} - {BASE}),
    "ema": frozenset(),
    "scheduler": frozenset(),
}
"""Component -> its blocks; EMA copies and schedules are never mixed here."""
HALVES = ("bfloat16", "float16")
ROUNDINGS = ("float64", "float32", *HALVES)
"""Number types that a recipe may round to on its way; here everything is computed in float32."""


@dataclass(frozen=True, slots=True)
class Call:
    """A method with its arguments.

    Attributes:
        method: Its name.
        given: Parameter -> argument; for any number of models, their places in order.
        remarks: Here goes what is taken over differently.
    """

    method: str
    given: Mapping[str, Value]
    remarks: Remarks

    def mix(self, name: str) -> Mix:
        """An argument that is a model, a mix or a number.

        Raises:
            RecipeError: It is something else.
        """
        value = self.given[name]
        if isinstance(value, Literal):
            return from_names(
                {key: self._number(f"{name}: {key}", of) for key, of in value.named.items()},
                value.config,
                self.remarks,
            )
        return value if isinstance(value, Mix) else number(self._number(name, value))

    def mixes(self, *names: str) -> tuple[Mix, ...]:
        """Arguments that are all models or all numbers.

        Raises:
            RecipeError: They are not.
        """
        found = tuple(self.mix(name) for name in names)
        if len({mix.is_number for mix in found}) > 1:
            name = next(name for name, mix in zip(names, found, strict=True) if mix.is_number)
            raise self.refused(name, "a number beside models", "a model")
        return found

    def weights(self, name: str) -> Weights:
        """An argument that is a number, or numbers by block or tensor.

        Raises:
            RecipeError: It is something else.
        """
        mix = self.mix(name)
        if not mix.is_number:
            raise self.refused(name, "a model", "a number, or numbers by block")
        return mix.weights()

    def text(self, name: str) -> str | None:
        """An argument that is a text or nothing.

        Raises:
            RecipeError: It is something else.
        """
        value = self.given[name]
        if isinstance(value, Literal) and set(value.named) == {SINGLE}:
            value = value.named[SINGLE]
        if value is not None and not isinstance(value, str):
            raise self.refused(name, "no text", "a text")
        return value

    def refused(self, name: str, found: object, wanted: object) -> RecipeError:
        """What to raise because of an argument."""
        return unsupported("a parameter", f"{self.method} {name}: {found}", wanted)

    def _number(self, name: str, value: Value) -> float:
        if isinstance(value, Mix) and value.is_number and set(value.shares) == {ALL}:
            return value.weights()[ALL]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refused(
                name, repr(value)[:80] if isinstance(value, (str, bool)) else "no number", "a number"
            )
        return float(value)


def _weighted_sum(call: Call) -> Value:
    a, b = call.mixes("a", "b")
    alpha = call.weights("alpha")
    return mixed(a.head, (a, complement(alpha)), (b, alpha))


def _add_difference(call: Call) -> Value:
    a, b = call.mixes("a", "b")
    return mixed(a.head, (a, 1.0), (b, call.weights("alpha")))


def _subtract(call: Call) -> Value:
    a, b = call.mixes("a", "b")
    return mixed(a.head, (a, 1.0), (b, -1.0))


def _scale(call: Call) -> Value:
    a = call.mix("a")
    return mixed(a.head, (a, call.weights("alpha")))


def _n_average(call: Call) -> Value:
    models = call.mixes(*call.given)
    return mixed(models[0].head, *((model, 1.0 / len(models)) for model in models))


def _fallback(call: Call) -> Value:
    """Tensor by tensor, the first that is there; a recipe tells blocks that are left out, files tell the rest."""
    a, other = call.mixes("a", "default")
    if not a.is_number and a.meets(other):
        call.remarks.stands_behind(other)
    return a.filled(other)


def _cast(call: Call) -> Value:
    call.text("device")  # where it is computed, not what
    dtype = call.text("dtype")
    if dtype is not None and dtype not in ROUNDINGS:
        raise call.refused("dtype", dtype, ", ".join(ROUNDINGS))
    if dtype in HALVES:
        call.remarks.add(f"The rounding to {dtype} on the way is left out.")
    return call.mix("a")


def _component(call: Call) -> frozenset[str]:
    name = call.text("component")
    if name is None or name not in COMPONENTS:
        raise call.refused("component", name, ", ".join(COMPONENTS))
    return COMPONENTS[name]


def _pick_component(call: Call) -> Value:
    return call.mix("a").only(_component(call))


def _omit_component(call: Call) -> Value:
    every = frozenset().union(*COMPONENTS.values())
    return call.mix("a").only(every - _component(call))


def _convert_singleton(call: Call) -> Value:
    value = call.given["singleton"]
    if not isinstance(value, Literal):
        return value
    if set(value.named) != {SINGLE}:
        raise call.refused("singleton", ", ".join(value.named)[:80] or "nothing", SINGLE)
    return value.named[SINGLE]


def _convert_blocks(config: str) -> Callable[[Call], Value]:
    """The literal says whose blocks they are; where it does not, the conversion does."""

    def convert(call: Call) -> Value:
        value = call.given["blocks"]
        if isinstance(value, Literal) and value.config not in {SD1_CONFIG, SDXL_CONFIG}:
            value = Literal(value.named, config)
        return Call(call.method, {"blocks": value}, call.remarks).mix("blocks")

    return convert


@dataclass(frozen=True, slots=True)
class Method:
    """What a method takes and gives.

    Attributes:
        parameters: In order; none for any number of models.
        usual: Parameter -> what it is where a recipe leaves it out.
        apply: Its meaning.
    """

    parameters: tuple[str, ...]
    usual: Mapping[str, Value]
    apply: Callable[[Call], Value]


METHODS: Mapping[str, Method] = {
    "weighted_sum": Method(("a", "b", "alpha"), {"alpha": 0.5}, _weighted_sum),
    "n_average": Method((), {}, _n_average),
    "add_difference": Method(("a", "b", "alpha"), {"alpha": 1.0}, _add_difference),
    "subtract": Method(("a", "b"), {}, _subtract),
    "scale": Method(("a", "alpha"), {"alpha": 1.0}, _scale),
    "fallback": Method(("a", "default"), {}, _fallback),
    "pick_component": Method(("a", "component"), {}, _pick_component),
    "omit_component": Method(("a", "component"), {}, _omit_component),
    "cast": Method(("a", "device", "dtype"), {"device": None, "dtype": None}, _cast),
    "convert_singleton": Method(("singleton",), {}, _convert_singleton),
    "convert_sd1_blocks_to_ldm": Method(("blocks",), {}, _convert_blocks(SD1_CONFIG)),
    "convert_sdxl_blocks_to_sgm": Method(("blocks",), {}, _convert_blocks(SDXL_CONFIG)),
}
LINEAR = tuple(name for name in METHODS if not name.startswith("convert_"))
"""What a recipe may use, for error texts."""


def called(name: str, plain: tuple[Value, ...], named: Mapping[str, Value], remarks: Remarks) -> Value:
    """The result of a method.

    Args:
        name: Of the method.
        plain: Its arguments in order.
        named: Its arguments by name.
        remarks: Here goes what is taken over differently.

    Raises:
        RecipeError: The method is not linear, or it has other parameters.
    """
    method = METHODS.get(name)
    if method is None:
        raise unsupported("a method", name, ", ".join(LINEAR))
    parameters = method.parameters or tuple(str(place) for place in range(len(plain)))
    given = {**dict(zip(parameters, plain, strict=False)), **named}
    lacking = [name for name in parameters if name not in given and name not in method.usual]
    wrong = [
        *(parameter for parameter in named if parameter not in parameters[len(plain) :]),
        *(f"argument {place + 1}" for place in range(len(parameters), len(plain))),
        *(f"without {parameter}" for parameter in lacking),
    ]
    if wrong or not given:
        raise unsupported(
            "a parameter",
            f"{name} {', '.join(wrong) or 'of nothing'}",
            ", ".join(method.parameters) or "one model or more",
        )
    return method.apply(Call(name, {**method.usual, **given}, remarks))
