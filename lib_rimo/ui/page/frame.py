"""The frame of the live view, which the script fills: where the study is, its curve, its result, what to save.

An element with ``data-rimo="name"`` is filled by ``javascript/``. Every sentence is one text of its own without
markup inside, because translations look for whole texts.
"""

from __future__ import annotations

from lib_rimo.ui.page.views import TABS, VIEWS

NUMBER_TYPES = {"": "as the base", "fp16": "fp16", "bf16": "bf16", "fp32": "fp32, twice the size"}
"""What a checkpoint can be saved as. As the base is the default: nothing is lost, nothing is made larger."""


def flat(markup: str) -> str:
    """Markup with every run of white space made one space, so that texts can be looked up."""
    return " ".join(markup.split())


INTRODUCTION = flat("""
<div class="rimo-intro">
<div class="rimo-intro-head"><h2>Random mix</h2>
<label class="rimo-language" hidden><span>Language</span>
<select data-rimo="language" translate="no"></select></label></div>
<p>Finds the mix of your checkpoints that draws most of what a prompt asks for. Choose a base and some partners and
start: many mixes are tried, each draws images for random tags, and a tagger counts how many of the tags can be seen.
Your files are only read.</p>
</div>
""")

PROGRESS = flat("""
<div class="rimo-progress" data-rimo="progress-box" hidden>
<p class="rimo-now"><span class="rimo-chip" data-rimo="state">Ready</span>
<span data-rimo="message" aria-live="polite"></span>
<span class="rimo-in-model" data-rimo="in-model"></span></p>
<div class="rimo-bar" data-rimo="bar" role="progressbar" aria-label="Share of all images drawn" aria-valuemin="0"
 aria-valuemax="100" aria-valuenow="0"></div>
<p class="rimo-figures"><span data-rimo="progress"></span><span class="rimo-mix" data-rimo="mix"></span><span
 data-rimo="speed"></span>
<strong data-rimo="remaining"></strong></p>
</div>
""")

_WELCOME = """
<section class="rimo-welcome" data-rimo="welcome" aria-label="What will be here">
<svg class="rimo-sketch" viewBox="0 0 260 130" aria-hidden="true">
<path class="rimo-sketch-level" d="M8,96H252"/>
<path class="rimo-band" d="M8,72C40,60 60,64 90,48S170,28 252,20V52C190,58 160,66 120,76S50,104 8,116Z"/>
<path class="rimo-line" d="M8,96C40,92 60,84 90,66S170,44 252,36"/>
<g class="rimo-sketch-dots"><circle cx="24" cy="100" r="3.5"/><circle cx="48" cy="78" r="3.5"/>
<circle cx="74" cy="92" r="3.5"/><circle cx="100" cy="56" r="3.5"/><circle cx="130" cy="72" r="3.5"/>
<circle cx="158" cy="44" r="3.5"/><circle cx="186" cy="58" r="3.5"/><circle cx="214" cy="36" r="3.5"/>
<circle cx="240" cy="46" r="3.5"/></g></svg>
<div><p>Nothing runs yet. Once a mix is started, this is where you watch it:</p>
<ol>
<li><b>The curve</b><span>Each mix that is tried becomes a dot; a line follows the best so far, with how sure that
is.</span></li>
<li><b>The image just drawn</b><span>With its tags, each marked as found or missed.</span></li>
<li><b>The same images, round after round</b><span>Equal prompts and noise, so that only the mix
differs.</span></li>
<li><b>The honest result</b><span>Measured on images that the search never saw, category by
category.</span></li>
</ol></div>
</section>
"""

_CURVE = """
<div class="rimo-columns" data-rimo="main" hidden>
<section class="rimo-panel rimo-curve">
<h3>Accuracy against images drawn</h3>
<p class="rimo-models" data-rimo="models"><b translate="no" data-rimo="base"></b> <span>mixed with</span>
<span translate="no" data-rimo="partners"></span></p>
<div class="rimo-plot" data-rimo="plot" tabindex="0" role="slider" aria-orientation="horizontal"
 aria-label="Accuracy curve" aria-valuenow="1" aria-valuemin="1" aria-valuemax="1"></div>
<p class="rimo-wait" data-rimo="plot-wait"></p>
<p class="rimo-legend" data-rimo="legend" hidden><span class="rimo-key-best">best so far, with its 95 % interval</span>
<span class="rimo-key-dot">one mix tried; click it to choose it</span>
<span class="rimo-key-line">a parent by itself</span>
<a data-rimo="curve-file" href="rimo/v1/curve.png" download>Download the curve</a></p>
<div class="rimo-choice" data-rimo="choice" aria-live="polite" hidden>
<p><span>Chosen:</span> <strong data-rimo="choice-name"></strong> <span data-rimo="choice-words"></span></p>
<div class="rimo-acts"><button type="button" class="rimo-button rimo-small" data-rimo="choice-try">Try a prompt with
it</button><button type="button" class="rimo-button rimo-small" data-rimo="choice-play" hidden>Use it in my
tabs</button>
<button type="button" class="rimo-button rimo-small" data-rimo="choice-save">Save this one</button>
<button type="button" class="rimo-button rimo-small" data-rimo="choice-best">Back to the best</button></div></div>
</section>
<section class="rimo-panel rimo-latest" data-rimo="latest-box">
<h3>Just drawn</h3>
<p class="rimo-wait" data-rimo="latest-wait"></p>
<figure data-rimo="latest" hidden><img data-rimo="latest-picture" alt="The image drawn last">
<figcaption><span data-rimo="latest-score"></span>
<ul class="rimo-tags" data-rimo="latest-tags"></ul></figcaption></figure>
</section>
</div>
"""

_RESULT = """
<section class="rimo-panel rimo-result" data-rimo="result" hidden>
<h3>Result</h3>
<p class="rimo-gain" data-rimo="gain"><strong data-rimo="gain-value"></strong>
<span data-rimo="gain-sentence"></span></p>
<p data-rimo="gain-verdict"></p>
<div class="rimo-arms" data-rimo="arms"></div>
<p class="rimo-note">Share of the prompted tags that the tagger found; the bar is the 95 % interval.</p>
</section>
"""

_EPOCHS = """
<section class="rimo-panel rimo-epochs" data-rimo="epochs" hidden>
<h3>Epoch by epoch</h3>
<div class="rimo-error" role="alert" data-rimo="epochs-warning" hidden><p data-rimo="epochs-warning-words"></p>
<ul data-rimo="epochs-signs"></ul></div>
<p class="rimo-outlook" role="status" data-rimo="epochs-outlook"></p>
<div class="rimo-table-scroll" role="group" aria-label="Epoch by epoch" tabindex="0">
<table class="rimo-table"><thead><tr data-rimo="epochs-head"></tr></thead>
<tbody data-rimo="epochs-rows"></tbody></table></div>
<p class="rimo-note">Measured on prompts that the search never saw, with 95 % intervals; the gain is over the epoch
before. Unusual pictures and drift are watched, not optimised: they tell when shapes break while the tagger still reads
them.</p>
<p class="rimo-note"><span>Drift: how far the weights are from the nearest parent. Between the parents it is at
most</span>
<b data-rimo="epochs-limit"></b></p>
</section>
"""

_VARIETY = """
<section class="rimo-panel rimo-variety" data-rimo="variety-box" role="status" hidden>
<h3>Diversity floor</h3>
<ul data-rimo="variety"></ul>
<p class="rimo-note">How much two images of one prompt differ as the tagger reads them, with 95 % intervals; 0 % is one
and the same. A winner is given up only when it surely keeps less than was asked for.</p>
</section>
"""

_SAVING = f"""
<form class="rimo-panel" id="rimo-saving" data-rimo="saving" novalidate>
<p class="rimo-save-what"><span>To be saved:</span> <strong data-rimo="save-what">the best mix so far</strong>
<button type="button" class="rimo-button rimo-small" data-rimo="save-best" hidden>Back to the best</button></p>
<label id="rimo-name"><span>Name of the new checkpoint</span>
<input type="text" value="random-mix" maxlength="120" autocomplete="off" spellcheck="false"></label>
<label class="rimo-type"><span>Number type</span><select data-rimo="save-type">
{"".join(f'<option value="{name}">{text}</option>' for name, text in NUMBER_TYPES.items())}</select></label>
<button type="submit" class="rimo-button rimo-main" id="rimo-save">Save</button>
<div class="rimo-ticks"><label><input type="checkbox" checked data-rimo="save-vae"><span>With the VAE</span></label>
<label><input type="checkbox" checked data-rimo="save-ema"><span>With the base's EMA copies</span></label></div>
<p class="rimo-note">A new file beside your others. Nothing is ever overwritten.</p>
<p class="rimo-note">EMA copies, where a base has them, are from its training: nothing that draws reads them. Without a
VAE your program uses one of its own.</p>
<p id="rimo-save-message" role="status"></p>
<p class="rimo-saved" data-rimo="saved-box" hidden><span>Saved:</span>
<span translate="no" data-rimo="saved"></span></p>
</form>
"""

LIVE = flat(f"""
<div class="rimo-live" data-rimo="live">
<p class="rimo-error" data-rimo="error" role="alert" hidden></p>
<p class="rimo-lost" data-rimo="lost" role="status" hidden>No answer from the program. Trying again; the study itself
does not need this page.</p>
<div class="rimo-playing" data-rimo="playing" role="status" hidden><p><span>The tabs of your WebUI draw with a mix
now:</span> <strong data-rimo="playing-name"></strong></p>
<button type="button" class="rimo-button" data-rimo="play-end">Back to my own model</button></div>
<p data-rimo="play-message" role="status"></p>
{_WELCOME}{_CURVE}{_RESULT}{_VARIETY}{_EPOCHS}{_SAVING}
<section class="rimo-panel rimo-lower" aria-label="More about the study">
<div class="rimo-tabs" role="tablist" data-rimo="tabs" aria-label="Views">{TABS}</div>
{VIEWS}
</section>
<details class="rimo-panel rimo-notes" data-rimo="notes-box" hidden>
<summary><span>What was found while preparing:</span> <span data-rimo="notes-count"></span></summary>
<ul data-rimo="notes"></ul>
</details>
</div>
""")
