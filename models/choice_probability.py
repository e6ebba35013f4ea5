"""How sure a model was of a closed choice, from the probabilities of the tokens that it considered.

Servers report the model's own probabilities, from before the schema forbids anything: the tokens of a forced
brace may have next to none, and much of the rest goes to words that were not on offer. So at each token of
the chosen value the mass of what was really written is set against the mass of all that could still have
become one of the options.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def choice_probability(tokens: Sequence[dict[str, Any]], options: Sequence[str], chosen: str) -> float | None:
    """The probability of `chosen` among `options`, 0 to 1; None where the server told too little.

    `tokens`: the reply's tokens as the OpenAI API reports them, each with `token`, `logprob` and
    `top_logprobs`. Alternatives beyond the reported ones count as nothing, so the figure is a slight
    overestimate.
    """
    start = "".join(token["token"] for token in tokens).find(chosen)
    if start < 0 or len(set(options)) < 2:
        return None
    probability, position = 1.0, 0
    for token in tokens:
        end = position + len(token["token"])
        if end > start and position <= start + len(chosen):
            step = _step(token, options, chosen, max(0, position - start), max(0, start - position))
            if step is None:
                return None
            probability *= step
        position = end
    return probability


def _step(
    token: dict[str, Any], options: Sequence[str], chosen: str, written: int, lead: int
) -> float | None:
    """This token's share of the mass of those that lead on to an option; None when no alternative was told.

    `written` characters of the value stand already; the first `lead` characters of the token are not part of
    it.
    """
    open_options = [option for option in options if option.startswith(chosen[:written])]
    if len(open_options) < 2:
        return 1.0
    if not token.get("top_logprobs"):
        return None
    mass = {other["token"]: math.exp(min(0.0, other["logprob"])) for other in token["top_logprobs"]}
    mass[token["token"]] = math.exp(min(0.0, token["logprob"]))
    before = token["token"][:lead]
    fitting = [
        mass[text]
        for text in mass
        if text.startswith(before) and text != before and _leads_on(text[lead:], open_options, written)
    ]
    return mass[token["token"]] / max(sum(fitting), mass[token["token"]], 1e-300)


def _leads_on(text: str, options: Sequence[str], written: int) -> bool:
    """Whether a token continues an option, or ends it with the closing quote."""
    return any(
        option[written:].startswith(text) or (text.startswith(f'{option[written:]}"')) for option in options
    )
