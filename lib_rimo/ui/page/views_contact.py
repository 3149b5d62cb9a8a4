"""Contact fusion of the chosen mix, in the view "Recipe"."""

from __future__ import annotations

from lib_rimo.ui.page.views_bench import progress

HIGHEST_SHOWN = 128
"""End of the slider; a higher rank is as good as the donor itself."""

CONTACT = f"""
<details class="rimo-contact" data-rimo="contact-details">
<summary>Repair broken shapes</summary>
<form class="rimo-try" data-rimo="contact-form" novalidate>
<p class="rimo-note">A mix that draws more of what is asked may have lost shapes on the way: hands, limbs, edges. Choose
a checkpoint whose shapes are sound: the most important part of what it does otherwise is taken over, and the rest of
the mix stays. Nothing is written until you save.</p>
<div class="rimo-wide"><label><span>Checkpoint with sound shapes</span>
<select translate="no" data-rimo="contact-donor" aria-describedby="rimo-contact-bad-donor"></select></label>
<p id="rimo-contact-bad-donor" data-contact-bad="donor"></p></div>
<div class="rimo-wide rimo-contact-rank"><label><span>How much of it (rank)</span>
<input type="range" min="0" max="{HIGHEST_SHOWN}" step="1" value="4" data-rimo="contact-rank"
 aria-describedby="rimo-contact-bad-rank"></label><output data-rimo="contact-rank-now">4</output>
<p id="rimo-contact-bad-rank" data-contact-bad="rank"></p></div>
<p class="rimo-note">Begin with 4 and go up until the shapes are right. 64 and more is close to the other
checkpoint.</p>
<label class="rimo-wide"><span>Biases and norms</span><select data-rimo="contact-vectors">
<option value="donor">from the sound checkpoint</option><option value="mean">halfway between both</option>
<option value="kept">as in the mix</option></select></label>
<div class="rimo-acts rimo-wide">
<button type="submit" class="rimo-button rimo-main" data-rimo="contact-try">Try the repaired mix</button>
<label class="rimo-contact-name"><span>Name of the new checkpoint</span>
<input type="text" value="repaired-mix" maxlength="120" autocomplete="off" spellcheck="false"
 data-rimo="contact-name" aria-describedby="rimo-contact-bad-name"></label>
<button type="button" class="rimo-button" data-rimo="contact-save">Save the repaired mix</button></div>
<p class="rimo-wide" id="rimo-contact-bad-name" data-contact-bad="name"></p>
<p data-rimo="contact-message" role="status"></p>
<div class="rimo-tried" data-rimo="contact-result" hidden>
<div><h4 data-rimo="contact-mix-name"></h4><div class="rimo-tried-row" data-rimo="contact-mix"></div></div>
<div><h4 data-rimo="contact-fused-name"></h4><div class="rimo-tried-row" data-rimo="contact-fused"></div></div></div>
</form>
<form class="rimo-ranks" data-rimo="ranks-form" novalidate>
<h4>Measure instead of guessing</h4>
<p class="rimo-note">Draws the mix, the sound checkpoint and the mix repaired with each rank, from the same prompts and
noise, and says which rank draws the fewest unusual pictures at little cost of accuracy. It uses the checkpoint and
the biases and norms chosen above.</p>
<div class="rimo-ranks-asked">
<div><label><span>Ranks</span><input type="text" autocomplete="off" spellcheck="false" data-rimo="ranks-ranks"
 aria-describedby="rimo-ranks-bad-ranks"></label><p id="rimo-ranks-bad-ranks" data-contact-bad="ranks"></p></div>
<div><label><span>Images of each</span><input type="number" min="0" step="any" data-rimo="ranks-images"
 aria-describedby="rimo-ranks-bad-images"></label><p id="rimo-ranks-bad-images" data-contact-bad="images"></p></div>
</div>
<p class="rimo-quiet" data-rimo="ranks-cost"></p>
<div class="rimo-acts"><button type="submit" class="rimo-button" data-rimo="ranks-start">Measure several
ranks</button><button type="button" class="rimo-button" data-rimo="ranks-stop" hidden>Stop</button></div>
{progress("ranks")}
<div data-rimo="ranks-box" hidden>
<p class="rimo-note" data-rimo="ranks-about"></p>
<div class="rimo-table-scroll" role="group" aria-label="Measured ranks" tabindex="0">
<table class="rimo-table rimo-bench-table"><thead><tr><th scope="col">Rank</th><th scope="col">Accuracy</th>
<th scope="col">Points more than the mix</th><th scope="col">Unusual pictures</th><th scope="col">Taken over</th></tr>
</thead><tbody data-rimo="ranks-rows"></tbody></table></div>
<p class="rimo-note">Unusual: outside what 99 % of the sound checkpoint's own pictures look like. In brackets 95 %
intervals over prompts.</p>
<div class="rimo-ranks-verdict"><p data-rimo="ranks-verdict"></p>
<button type="button" class="rimo-button rimo-main" data-rimo="ranks-take" hidden></button></div></div>
</form>
</details>
"""
