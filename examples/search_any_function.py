"""The search alone: any function of some weights, noisy or not, without models or pictures."""

import numpy as np

import lib_rimo

BEST = np.array([[0.6, 0.1, 0.3], [0.2, 0.7, 0.0]])
"""What is to be found: two partners, three block groups."""


def score(weights, prompts):
    """One score in [0, 1] for each prompt; the same prompt has the same noise with any weights."""
    noise = [np.random.default_rng(int(prompt)).normal(0.0, 0.03) for prompt in prompts]
    return np.clip(0.9 - ((weights - BEST) ** 2).sum() + noise, 0.0, 1.0)


found = lib_rimo.run_search(
    score, n_partners=2, n_groups=3, bounds=(0.0, 1.0), budget_images=320, pool_size=64, seed=0
)
print(f"{found.accuracy:.2f} ({found.low:.2f} to {found.high:.2f}) after {found.images} prompts")
print(found.weights.round(2))
