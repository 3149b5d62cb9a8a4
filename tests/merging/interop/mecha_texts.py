"""Recipes as ``serialize()`` of sd-mecha 1.1.8 gives them (1.1.5 gives the same), with the folders taken out."""

from __future__ import annotations


def model(name: str, config: str = "sd1-ldm") -> str:
    """A model's line."""
    return f'model "{name}.safetensors" model_config="{config}" merge_space="weight"'


A, B, C, D = (model(name) for name in "abcd")
SINGLE = 'model_config="singleton-mecha" merge_space="param"'

WEIGHTED_SUM = f"""version 0.1.0
{A}
{B}
dict key=0.3
literal &2 {SINGLE}
merge "convert_singleton" &3
merge "weighted_sum" &0 &1 &4"""

NOT_FINALIZED = """version 0.1.0
model "a.safetensors" model_config=null merge_space="weight"
model "b.safetensors" model_config=null merge_space="weight"
dict key=0.3
literal &2 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &3
merge "weighted_sum" &0 &1 &4"""

ADD_DIFFERENCE = f"""version 0.1.0
{A}
{B}
{C}
merge "subtract" &1 &2
dict key=0.4
literal &4 {SINGLE}
merge "convert_singleton" &5
merge "add_difference" &0 &3 &6
merge "fallback" &7 &0"""

N_AVERAGE = f"""version 0.1.0
{A}
{B}
{C}
{D}
merge "n_average" &0 &1 &2 &3"""

TWO_DIFFERENCES = f"""version 0.1.0
{A}
{B}
{C}
merge "subtract" &1 &2
dict key=0.4
literal &4 {SINGLE}
merge "convert_singleton" &5
merge "scale" &3 &6
dict key=1.0
literal &8 {SINGLE}
merge "convert_singleton" &9
merge "add_difference" &0 &7 &10
{D}
merge "subtract" &12 &2
dict key=-0.2
literal &14 {SINGLE}
merge "convert_singleton" &15
merge "scale" &13 &16
merge "add_difference" &11 &17 &10"""
"""``a + (b - c) * 0.4 + (d - c) * -0.2``"""

NESTED = f"""version 0.1.0
{A}
{B}
{C}
merge "subtract" &1 &2
dict key=1.0
literal &4 {SINGLE}
merge "convert_singleton" &5
merge "add_difference" &0 &3 &6
{D}
merge "subtract" &7 &8
dict key=0.5
literal &10 {SINGLE}
merge "convert_singleton" &11
merge "scale" &9 &12
merge "add_difference" &0 &13 &6"""
"""``a + ((a + (b - c)) - d) * 0.5``"""

COMPUTED_NUMBER = f"""version 0.1.0
{A}
{B}
dict key=0.2
literal &2 {SINGLE}
merge "convert_singleton" &3
dict key=0.6
literal &5 {SINGLE}
merge "convert_singleton" &6
dict key=0.25
literal &8 {SINGLE}
merge "convert_singleton" &9
merge "weighted_sum" &4 &7 &10
merge "weighted_sum" &0 &1 &11"""
"""``weighted_sum(a, b, alpha=weighted_sum(literal(.2), literal(.6), alpha=.25))``"""

CAST = f"""version 0.1.0
{A}
{B}
dict key=0.3
literal &2 {SINGLE}
merge "convert_singleton" &3
merge "weighted_sum" &0 &1 &4
dict key="cpu"
literal &6 {SINGLE}
merge "convert_singleton" &7
dict key="float16"
literal &9 {SINGLE}
merge "convert_singleton" &10
merge "cast" &5 &8 &11"""

XL_BLOCKS = f"""version 0.1.0
{model("a", "sdxl-sgm")}
{model("b", "sdxl-sgm")}
{model("c", "sdxl-sgm")}
merge "subtract" &1 &2
dict {{blocks}}
literal &4 model_config="sdxl-supermerger_blocks" merge_space="param"
merge "convert_sdxl_blocks_to_sgm" &5
dict key=0.5
literal &7 {SINGLE}
merge "convert_singleton" &8
merge "fallback" &6 &9
merge "add_difference" &0 &3 &10
merge "fallback" &11 &0"""
"""``add_difference(a, b, c, alpha=convert(blocks, a) | 0.5)``"""

SD1_BLOCKS = f"""version 0.1.0
{A}
{B}
dict {{blocks}}
literal &2 model_config="sd1-supermerger_blocks" merge_space="param"
merge "convert_sd1_blocks_to_ldm" &3
merge "weighted_sum" &0 &1 &4"""

COMPONENT = f"""version 0.1.0
{A}
dict key="vae"
literal &1 {SINGLE}
merge "convert_singleton" &2
merge "{{method}}" &0 &3
{B}
merge "fallback" &4 &5"""
"""``pick_component(a, "vae") | b``"""

CLAMP = f"""version 0.1.0
{A}
{B}
dict key=0.0
literal &2 {SINGLE}
merge "convert_singleton" &3
merge "clamp" &0 &0 &1 stiffness=&4"""
"""``clamp(a, a, b)``, in which ``add_difference(.., clamp_to_ab=True)`` ends"""

TRAIN_DIFFERENCE = f"""version 0.1.0
{A}
{B}
{C}
merge "subtract" &1 &2
dict key=1.0
literal &4 {SINGLE}
merge "convert_singleton" &5
merge "train_difference_mask" &0 &1 &2 &6
merge "add_difference" &0 &3 &7
merge "fallback" &8 &0"""

LORA = f"""version 0.1.0
{A}
{model("lora", "sd1-kohya_lycoris_lora")}
merge "convert_'sd1-kohya_lycoris_lora'_to_base" &1
merge "convert_'sd1-kohya'_to_'sd1-ldm'" &2
dict key=0.5
literal &4 {SINGLE}
merge "convert_singleton" &5
merge "scale" &3 &6
dict key=1.0
literal &8 {SINGLE}
merge "convert_singleton" &9
merge "add_difference" &0 &7 &10"""
"""``a + convert(lora, a) * 0.5``"""

FEW_BLOCKS = """version 0.1.0
model "a.safetensors" model_config=null merge_space="weight"
model "b.safetensors" model_config=null merge_space="weight"
dict {blocks}
literal &2 model_config="sd1-supermerger_blocks" merge_space=null
merge "convert_sd1_blocks_to_ldm" &3
dict key=0.0
literal &5 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &6
merge "fallback" &4 &7
merge "weighted_sum" &0 &1 &8"""
"""``weighted_sum(a, b, alpha=convert(blocks, a) | 0.0)``, as a checkpoint's metadata may hold it"""

FEW_BLOCKS_CONVERTED_LAST = """version 0.1.0
model "a.safetensors" model_config=null merge_space="weight"
model "b.safetensors" model_config=null merge_space="weight"
dict {blocks}
literal &2 model_config="sd1-supermerger_blocks" merge_space=null
dict key=0.0
literal &4 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &5
merge "fallback" &3 &6
merge "convert_sd1_blocks_to_ldm" &7
merge "weighted_sum" &0 &1 &8"""
"""The same with ``convert(blocks | 0.0, a)``"""
