"""The six views of the lower half: a frame for each, and the sentence that stands there while it is empty."""

from __future__ import annotations

from lib_rimo.ui.page.views_bench import BENCH
from lib_rimo.ui.page.views_contact import CONTACT

MOST_TRIED = 4
"""Pictures of one try; more would keep a running study waiting too long."""

_PICTURES = """
<p class="rimo-wait" data-rimo="grids-wait">The same prompts with the same noise, drawn by the base and by the winner of
every epoch, side by side. The base's pictures come first.</p>
<div data-rimo="grids-box" hidden>
<div class="rimo-grids-scroll" role="group" aria-label="Pictures after each epoch" tabindex="0">
<div class="rimo-grid" data-rimo="grids"></div></div>
</div>
<div class="rimo-compare" data-rimo="compare-box" hidden>
<h3>Before and after</h3>
<div class="rimo-stack" data-rimo="stack">
<img data-rimo="after-picture" alt=""><img class="rimo-before" data-rimo="before-picture" alt="">
<span class="rimo-corner rimo-left" data-rimo="before-name"></span>
<span class="rimo-corner rimo-right" data-rimo="after-name"></span>
<input type="range" min="0" max="100" value="50" step="1" data-rimo="slide" aria-label="How much of the left picture">
</div>
<div class="rimo-side">
<div class="rimo-bar-of-choices">
<label><span>Left</span><select data-rimo="before"></select></label>
<label><span>Right</span><select data-rimo="after"></select></label></div>
<div class="rimo-acts"><button type="button" class="rimo-button rimo-small" data-rimo="compare-previous">Previous
picture</button><span data-rimo="compare-place"></span>
<button type="button" class="rimo-button rimo-small" data-rimo="compare-next">Next picture</button></div>
<p class="rimo-note" translate="no" data-rimo="compare-prompt"></p>
<p class="rimo-note">Drag over the picture, or use the arrow keys.</p>
<p class="rimo-note"><span>All epochs of this picture as an animation:</span>
<a data-rimo="strip-webp" href="#" download>WebP</a> <a data-rimo="strip-gif" href="#" download>GIF</a></p>
</div>
</div>
<dialog class="rimo-viewer" data-rimo="viewer" aria-label="One picture">
<div class="rimo-viewer-head"><strong data-rimo="viewer-epoch"></strong>
<button type="button" class="rimo-button rimo-small" data-rimo="viewer-close">Close</button></div>
<img data-rimo="viewer-picture" alt="">
<p class="rimo-note" translate="no" data-rimo="viewer-prompt"></p>
<div class="rimo-acts"><button type="button" class="rimo-button rimo-small" data-rimo="viewer-previous">Previous
picture</button><button type="button" class="rimo-button rimo-small" data-rimo="viewer-next">Next picture</button>
<button type="button" class="rimo-button rimo-small" data-rimo="viewer-earlier">Epoch before</button>
<button type="button" class="rimo-button rimo-small" data-rimo="viewer-later">Epoch after</button>
<a data-rimo="viewer-file" href="#" target="_blank">The file</a></div>
</dialog>
"""

_CATEGORIES = """
<p class="rimo-wait" data-rimo="categories-wait">What the mix draws better or worse than its parents, category by
category and tag by tag. It is measured at the end, on prompts that the search never saw.</p>
<div data-rimo="categories-box" hidden>
<div class="rimo-table-scroll" role="group" aria-label="Accuracy by category" tabindex="0">
<table class="rimo-table"><thead><tr data-rimo="categories-head"></tr></thead>
<tbody data-rimo="categories"></tbody></table></div>
<p class="rimo-note">Share of the prompted tags that were found, with 95 % intervals, on images that the search never
saw. Deviation: your mix against the mean of its parents, in percent of that mean.</p>
<p class="rimo-note"><span>Take the table along:</span> <a data-rimo="csv-file" href="#" download>CSV</a>
<a data-rimo="markdown-file" href="#" download>Markdown</a></p>
<div class="rimo-halves">
<section data-rimo="tags-gained-box" hidden><h3>Tags gained most</h3>
<ul class="rimo-tag-list" data-rimo="tags-gained"></ul></section>
<section data-rimo="tags-lost-box" hidden><h3>Tags lost most</h3>
<ul class="rimo-tag-list" data-rimo="tags-lost"></ul></section>
</div>
<p class="rimo-note" data-rimo="tags-note" hidden>Points against the base, with 95 % intervals. With so many tags some
differ by chance; those marked as sure are not among them.</p>
<p class="rimo-note" data-rimo="tags-files" hidden><span>Take all tags along:</span>
<a data-rimo="tags-csv-file" href="#" download>CSV</a>
<a data-rimo="tags-markdown-file" href="#" download>Markdown</a></p>
</div>
"""

_BLOCKS = """
<p class="rimo-wait" data-rimo="blocks-wait">Which part of which partner went into the best mix, and which parts matter
at all. There is evidence after some dozen mixes.</p>
<p class="rimo-wait" data-rimo="blocks-busy" hidden>Working out which parts matter…</p>
<div data-rimo="blocks-box" hidden>
<div class="rimo-blocks">
<div class="rimo-unet-box"><label><span>Weights of</span>
<select data-rimo="unet-partner" translate="no"></select></label><div data-rimo="unet"></div>
<p class="rimo-note">The picture's way through the network: down on the left, through the middle, up on the right.
Lower parts decide what is drawn where, upper parts how it looks.</p></div>
<div class="rimo-table-scroll" role="group" aria-label="Weights and their importance" tabindex="0">
<table class="rimo-table rimo-heat-table"><thead><tr data-rimo="blocks-head"></tr></thead>
<tbody data-rimo="blocks"></tbody></table>
<p class="rimo-note">Weights of the best mix: 0 keeps the base, 1 takes the partner. The bar says how much of the
differences between mixes this part explains, as the search sees it, with its interval.</p></div>
</div>
<div class="rimo-freeze" data-rimo="freeze-box" hidden>
<p><span>No effect was seen of:</span> <span data-rimo="freeze-names"></span></p>
<p class="rimo-note">A new study from the present best keeps these parts as they are and spends its images on the
others.</p>
<button type="button" class="rimo-button" data-rimo="freeze">Freeze them and go on</button>
<p class="rimo-note" data-rimo="freeze-later" hidden>Possible as soon as the running study has ended or was stopped.</p>
<p data-rimo="freeze-message" role="status"></p></div>
</div>
"""

_RECIPE = f"""
<p class="rimo-wait" data-rimo="recipe-wait">The weights of the chosen mix, and a box to try your own prompts with it.
Choose a mix on the curve or among the epochs; without a choice it is the best so far.</p>
<div data-rimo="recipe-box" hidden>
<div class="rimo-recipe-head"><h3 data-rimo="recipe-name"></h3>
<div class="rimo-acts"><button type="button" class="rimo-button rimo-small" data-rimo="recipe-copy">Copy as
JSON</button>
<button type="button" class="rimo-button rimo-small" data-rimo="recipe-play" hidden>Use it in my
tabs</button>
<button type="button" class="rimo-button rimo-small" data-rimo="recipe-save">Save this one</button>
<button type="button" class="rimo-button rimo-small" data-rimo="recipe-best" hidden>Back to the best</button></div>
<p data-rimo="recipe-message" role="status"></p></div>
<div class="rimo-table-scroll" role="group" aria-label="Weights of the chosen mix" tabindex="0">
<table class="rimo-table rimo-heat-table rimo-recipe-table"><thead><tr data-rimo="recipe-head"></tr></thead>
<tbody data-rimo="recipe"></tbody></table></div>
<p class="rimo-note">Each row adds up to 1: what is not a partner's is the base's. A model with a weight
below zero is subtracted.</p>
<form class="rimo-try" data-rimo="try-form" novalidate>
<h3>Try a prompt</h3>
<p class="rimo-note">Drawn once with the base and once with the chosen mix, from the same noise. A running study lets it
pass and goes on.</p>
<label class="rimo-wide"><span>Prompt</span><textarea rows="2" data-rimo="try-prompt"></textarea></label>
<label class="rimo-wide"><span>Negative prompt</span><input type="text" data-rimo="try-negative"></label>
<label><span>Seed</span><input type="number" value="1" min="0" step="1" data-rimo="try-seed"></label>
<label><span>Pictures</span><select data-rimo="try-count">
{"".join(f"<option>{n}</option>" for n in range(1, MOST_TRIED + 1))}</select></label>
<button type="submit" class="rimo-button rimo-main" data-rimo="try-start">Try</button>
<p data-rimo="try-message" role="status"></p>
<div class="rimo-tried" data-rimo="try-result" hidden>
<div><h4 data-rimo="try-base-name"></h4><div class="rimo-tried-row" data-rimo="try-base"></div></div>
<div><h4 data-rimo="try-mix-name"></h4><div class="rimo-tried-row" data-rimo="try-mix"></div></div></div>
</form>
{CONTACT}
</div>
"""

_HISTORY = """
<p class="rimo-wait" data-rimo="history-wait">Every study stays here: its models, its gain, its report. Open one to look
at it, or go on with it.</p>
<p data-rimo="history-message" role="status"></p>
<div data-rimo="history-box" hidden>
<p class="rimo-note" data-rimo="compare-hint" hidden>Tick another one to see both curves in one plot.</p>
<section data-rimo="compare-studies" hidden><h3>Best estimate against images drawn</h3>
<div class="rimo-compare-plot" data-rimo="compare-plot"></div>
<ul class="rimo-compare-legend" data-rimo="compare-legend"></ul></section>
<ul class="rimo-cards" data-rimo="history"></ul>
</div>
<dialog class="rimo-ask" data-rimo="delete-dialog" aria-label="Delete a study">
<h3>Delete this study?</h3>
<p><b translate="no" data-rimo="delete-name"></b></p>
<p data-rimo="delete-what"></p>
<p class="rimo-note">Its journal and its pictures are removed. Checkpoints that were saved from it stay.</p>
<div class="rimo-acts"><button type="button" class="rimo-button" data-rimo="delete-no">Keep it</button>
<button type="button" class="rimo-button rimo-danger" data-rimo="delete-yes">Delete</button></div>
</dialog>
"""

_ALL = {
    "pictures": ("Pictures", _PICTURES),
    "categories": ("Categories", _CATEGORIES),
    "blocks": ("Blocks", _BLOCKS),
    "recipe": ("Recipe", _RECIPE),
    "bench": ("Benchmark", BENCH),
    "history": ("History", _HISTORY),
}

TABS = "".join(
    f'<button type="button" role="tab" id="rimo-tab-{name}" aria-controls="rimo-view-{name}" data-view="{name}" '
    f'aria-selected="false" tabindex="-1">{title}</button>'
    for name, (title, _) in _ALL.items()
)

VIEWS = "".join(
    f'<div role="tabpanel" id="rimo-view-{name}" aria-labelledby="rimo-tab-{name}" hidden>{frame}</div>'
    for name, (_, frame) in _ALL.items()
)
