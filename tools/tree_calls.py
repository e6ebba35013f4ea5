"""How much a language model is asked while a tree is built: the limits, and what they come to."""

from __future__ import annotations

import math

ORDERS = 5
"""In how many orders the labels are shown when K broad groups are asked for."""
ORDERS_OF_LENGTH = 3
"""The same where it is open how many broad groups there are, for each of the lengths that are asked for."""
_LENGTHS = 2
"""How many lengths are asked for: two groups, and more of them."""
VOTES = 5
"""In how many orders labels are sorted into a list of broad groups."""
TRIAL_VOTES = 3
"""Of these, so many for each of the lists before one of them is taken."""
_LISTS = 3
"""How many of all these lists of names are different ones, about: from one a length (a large model) to nearly
all (a small one)."""
_LISTS_OF_K = 2
"""The same where K groups are asked for."""
SORTED_AT_ONCE = 24
"""How many labels are sorted in one reply."""
ODD_MOST = 24
"""How many leaves that are like no middle cluster are asked about, the heaviest."""
FEW = 3
"""Up to this many middle clusters, each is a coarse one too."""


def tree_calls(names: int, k: int | None) -> int:
    """About how many calls the tree of so many distinct names takes; see `tools.build_hierarchy`.

    Leaves that are like none of the middle clusters are asked about, and the middle ones are sorted into
    broad ones that a few calls name, on trial into those of each list; with a K, in full. With a K that is no
    wider than they are nothing is asked.
    """
    middle = min(names, round(2 * math.sqrt(names)))
    order = math.ceil(middle / SORTED_AT_ONCE)
    if k is not None:
        # The second where the first bring a single list: mostly, with a small model.
        asked = ORDERS + ORDERS_OF_LENGTH
        return asked + _LISTS_OF_K * VOTES * order if 2 * k < middle else 0
    votes = _LISTS * TRIAL_VOTES + VOTES - TRIAL_VOTES
    broad = _LENGTHS * ORDERS_OF_LENGTH + votes * order
    return min(ODD_MOST, names // 4) + (broad if middle > FEW else 0)
