"""The view "Benchmark": which checkpoints and how much, how far it is, and the tables."""

from __future__ import annotations

_NUMBERS = (
    ("per_tag", "Images of each single tag", "number"),
    ("tags", "How many single tags, 0 for all", "number"),
    ("many", "Prompts of many tags, as tags:prompts", "text"),
    ("per_prompt", "Images of each of these prompts", "number"),
    ("seed", "Seed", "number"),
    ("steps", "Steps, 0 for the usual", "number"),
    ("cfg", "CFG scale, 0 for the usual", "number"),
    ("sampler", "Sampler, empty for the usual", "text"),
    ("width", "Width, 0 for the usual", "number"),
    ("height", "Height, 0 for the usual", "number"),
    ("prefix", "Text before every prompt", "text"),
    ("negative", "Negative prompt", "text"),
)
"""Setting, label, and kind of input."""


def _input(name: str, label: str, kind: str) -> str:
    number = ' min="0" step="any"' if kind == "number" else ' autocomplete="off" spellcheck="false"'
    return (
        f'<div><label><span>{label}</span><input type="{kind}"{number} data-bench="{name}" '
        f'aria-describedby="rimo-bench-bad-{name}"></label>'
        f'<p id="rimo-bench-bad-{name}" data-bench-bad="{name}"></p></div>'
    )


def progress(name: str) -> str:
    """How a measurement in the background stands; ``javascript/rimo_errand.js`` fills it.

    Args:
        name: Before the names of its parts.
    """
    return f"""<p data-rimo="{name}-message" role="status"></p>
<div class="rimo-progress" data-rimo="{name}-progress" hidden>
<progress class="rimo-bench-bar" data-rimo="{name}-bar" max="1" value="0"
 aria-label="Share of all images drawn"></progress>
<p class="rimo-figures"><span translate="no" data-rimo="{name}-name"></span><span data-rimo="{name}-figures"></span>
<strong data-rimo="{name}-left"></strong></p></div>"""


BENCH = f"""
<form class="rimo-bench" data-rimo="bench-form" novalidate>
<p class="rimo-note">Measures any checkpoints side by side, mixed by this program or not: single tags by category, many
tags at once, and how different the images of one prompt are. All draw the same prompts from the same noise.</p>
<div class="rimo-bench-setup">
<fieldset class="rimo-pick"><legend>Checkpoints</legend>
<label class="rimo-wide"><span>Show only names with</span>
<input type="text" data-rimo="bench-search" autocomplete="off" spellcheck="false"></label>
<ul class="rimo-checks" data-rimo="bench-checkpoints"></ul>
<p class="rimo-quiet" data-rimo="bench-count"></p>
<p id="rimo-bench-bad-checkpoints" data-bench-bad="checkpoints"></p></fieldset>
<div class="rimo-bench-how">
<label><span>How much</span><select data-rimo="bench-size"></select></label>
<p class="rimo-quiet" data-rimo="bench-cost"></p>
<details><summary>Numbers and look of the images</summary>
<div class="rimo-bench-numbers">{"".join(_input(*number) for number in _NUMBERS)}</div></details>
<div class="rimo-acts"><button type="submit" class="rimo-button rimo-main" data-rimo="bench-start">Run the
benchmark</button><button type="button" class="rimo-button" data-rimo="bench-stop" hidden>Stop</button></div>
{progress("bench")}
<p class="rimo-note">Stopped or cut off, it goes on where it was. What was measured of a file before, under whatever
name, is not drawn again.</p>
</div></div>
</form>
<p class="rimo-wait" data-rimo="bench-wait" hidden>The tables appear here, checkpoint by checkpoint.</p>
<div data-rimo="bench-box" hidden>
<p class="rimo-bench-files"><span>Take the tables along:</span> <a href="rimo/v1/bench.md" download>Markdown</a>
<a href="rimo/v1/bench.csv" download>CSV</a> <a href="rimo/v1/bench.html" download>HTML</a></p>
<section data-rimo="bench-scatter-box"><h3>Accuracy against diversity</h3>
<div class="rimo-bench-plot" data-rimo="bench-scatter"></div>
<p class="rimo-note">Further right: more of what was asked for. Further up: the images of one prompt differ more. The
lines are 95 % intervals.</p></section>
<div data-rimo="bench-tables"></div>
<ul class="rimo-bench-notes" data-rimo="bench-notes"></ul>
</div>
"""
