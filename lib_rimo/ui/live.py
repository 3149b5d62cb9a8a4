"""The frame of the live view: everything that ``javascript/rimo.js`` fills, with every word it shows.

An element with ``data-rimo="name"`` is filled by the script; ``data-...`` texts beside it are the sentences that
the script puts numbers into, so that all wording stays in Python.
"""

from __future__ import annotations

INTRODUCTION = """
<div class="rimo-intro">
<h2>Random mix</h2>
<p>Mix your checkpoints into one that draws more of what a prompt asks for. Choose a base and some partners and
press <strong>Start random mix</strong>: many mixes are tried, each draws images for random tags, and a tagger
counts how many of the tags can really be seen.</p>
</div>
"""

PROGRESS = """
<div class="rimo-progress" data-rimo="progress-box">
<p class="rimo-now"><span class="rimo-chip" data-rimo="state">Ready</span>
<span data-rimo="message" aria-live="polite"></span></p>
<div class="rimo-bar" data-rimo="bar" role="progressbar" aria-label="Share of all images drawn" aria-valuemin="0"
 aria-valuemax="100" aria-valuenow="0"><div class="rimo-bar-done" data-rimo="bar-done"></div></div>
<p class="rimo-figures"><span data-rimo="progress"></span><span data-rimo="speed"></span>
<strong data-rimo="remaining"></strong></p>
</div>
"""

LIVE = """
<div class="rimo-live" data-rimo="live">
<p class="rimo-error" data-rimo="error" role="alert" hidden></p>
<p class="rimo-lost" data-rimo="lost" role="status" hidden>No answer from the program. Trying again; the study
itself does not need this page.</p>

<section class="rimo-welcome" data-rimo="welcome" aria-label="What will be here">
<p>Nothing runs yet. Once a mix is started, this is where you watch it:</p>
<ol>
<li><b>The curve</b><span>Each mix that is tried becomes a dot; a line follows the best so far, with how sure that
is.</span></li>
<li><b>The image just drawn</b><span>With its tags, each marked as found or missed.</span></li>
<li><b>The same images, round after round</b><span>Equal prompts and noise, so that only the mix
differs.</span></li>
<li><b>The honest result</b><span>Measured on images that the search never saw, category by
category.</span></li>
</ol>
</section>

<div class="rimo-columns" data-rimo="main" hidden>
<section class="rimo-panel rimo-curve">
<h3>Accuracy against images drawn</h3>
<p class="rimo-models"><span data-rimo="base"></span> mixed with <span data-rimo="partners"></span></p>
<div class="rimo-plot" data-rimo="plot" tabindex="0" role="img" aria-label="Accuracy curve"
 data-x="images drawn by the search" data-epoch="epoch {epoch}"
 data-tip="Mix {trial}, epoch {epoch}: {stage}|{accuracy} % of its tags found, in {images} images|Best so far, \
estimated: {best} % ({low} to {high})|{images} images drawn by then"
 data-summary="Accuracy curve: {total} mixes tried, best estimate {best} percent, {low} to {high}"></div>
<p class="rimo-wait" data-rimo="plot-wait">The first dot appears when the first mix has drawn its images.</p>
<p class="rimo-legend" data-rimo="legend" hidden><span class="rimo-key-best">best so far, with its 95 % interval</span>
<span class="rimo-key-dot">one mix tried</span><span class="rimo-key-line">a parent by itself</span>
<a data-rimo="curve-file" href="#" download>Download the curve</a></p>
</section>
<section class="rimo-panel rimo-latest">
<h3>Just drawn</h3>
<p class="rimo-wait" data-rimo="latest-wait">The first image appears here in a moment.</p>
<figure data-rimo="latest" hidden><img data-rimo="latest-picture" alt="The image drawn last">
<figcaption><span data-rimo="latest-score"></span><ul class="rimo-tags" data-rimo="latest-tags" data-found="found"
 data-missed="missed"></ul></figcaption></figure>
</section>
</div>

<section class="rimo-panel rimo-result" data-rimo="result" hidden>
<h3>Result</h3>
<p class="rimo-gain" data-rimo="gain"><strong data-rimo="gain-value"></strong>
<span data-rimo="gain-sentence"></span></p>
<p data-rimo="gain-verdict"></p>
<div class="rimo-arms" data-rimo="arms"></div>
<p class="rimo-note">Share of the prompted tags that the tagger found; the bar is the 95 % interval.</p>
</section>

<section class="rimo-panel rimo-grids" data-rimo="grids-box" hidden>
<h3>The same images after each epoch</h3>
<div class="rimo-grids-scroll"><div class="rimo-grid" data-rimo="grids"></div></div>
</section>

<section class="rimo-panel rimo-categories" data-rimo="categories-box" hidden>
<h3>Category by category</h3>
<div class="rimo-table-scroll"><table class="rimo-table"><thead><tr><th scope="col">Category</th>
<th scope="col">Your mix</th><th scope="col">Base</th><th scope="col">Mean of parents</th>
<th scope="col">Deviation</th></tr></thead><tbody data-rimo="categories"></tbody></table></div>
<p class="rimo-note">On images that the search never saw, with 95 % intervals. Deviation: your mix against the mean of
its parents, in percent of that mean. <a data-rimo="csv-file" href="#" download>CSV</a>
<a data-rimo="markdown-file" href="#" download>Markdown</a></p>
</section>

<details class="rimo-panel rimo-notes" data-rimo="notes-box" hidden>
<summary>What was found while preparing (<span data-rimo="notes-count"></span>)</summary>
<ul data-rimo="notes"></ul>
</details>
<p class="rimo-saved" data-rimo="saved-box" hidden>Saved: <span data-rimo="saved"></span></p>
</div>
"""
