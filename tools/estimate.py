"""Estimate: what a step will take in calls, tokens, time and money, before it is done.

Calls are counted from what is missing; what each takes is measured on the calls that the same model has
answered in the workspace. Answers that are there already cost nothing when they are asked for again, and near
captions share their names, so a figure is rather too high than too low.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from store.backlog import Backlog
from store.records import Criterion
from store.workspace import Workspace
from tools.build_hierarchy import FEW, ODD_MOST
from tools.call_cost import CallCost, Calls, Cost, total
from tools.naming_sample import sample_size
from tools.propose_criteria import questions_for

_NEW = ("",)
"""Stands for a criterion of which nothing is known yet."""
_DISTINCT = 3.0
"""Distinct names under a criterion, as a multiple of the root of the captions, where none are known."""
_TAG_VALUES = 12
"""The same for a collection that only the taggers have seen."""
_STRANGERS = 0.25
"""Share of the images that join an existing tree about which the model is asked."""
_MERGES = 0.25
"""Comparisons for each call of the proposer, until that was measured."""
_PROPOSED = 6
"""Criteria that a discovery brings."""
_SECOND_LOOK = 0.1
"""Share of the unnamed images about which the model is asked in the end."""
_SPLIT_PARTS = 4
"""Into as many parts a cluster falls at most unless the person says otherwise; each is named once."""


class Estimate(NamedTuple):
    """What an act takes."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """By the clock, at the rate that this workspace's calls were measured at."""
    money: float | None = None
    """In the currency of the configured prices; None where none are set."""
    measured: bool = True
    """False when this model has answered too little here to know its rate: then the figures are rough."""


class Prices(NamedTuple):
    """Money per million tokens, in and out; 0 for what is not set."""

    text_in: float = 0.0
    text_out: float = 0.0
    vision_in: float = 0.0
    vision_out: float = 0.0


_NO_PRICES = Prices()


def tree_calls(names: int, k: int | None) -> int:
    """About how many calls the tree of so many distinct names takes; see `tools.build_hierarchy`.

    Leaves that are like none of the middle clusters are asked about, and the middle ones are sorted into
    broad ones that one call names. With a K that is no wider than they are nothing is asked.
    """
    middle = min(names, round(2 * math.sqrt(names)))
    if k is not None:
        return 1 + middle if 2 * k < middle else 0
    return min(ODD_MOST, names // 4) + (1 + middle if middle > FEW else 0)


class Estimator:
    """Knows the models in force; estimates what is missing in a workspace."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        text_model: str,
        vision_model: str,
        text_at_once: int = 1,
        vision_at_once: int = 1,
        propose_batches: int = 4,
        prices: Prices = _NO_PRICES,
        name_all: bool = False,
    ) -> None:
        """Estimate for these models, by the names under which their calls are booked.

        `vision_model` is empty when the embedded taggers look. `name_all`: no text is left to its likeness to
        others.
        """
        self._workspace = workspace
        self._backlog = Backlog(workspace.database)
        self._text_model = text_model
        self._vision_model = vision_model
        self._text_at_once = text_at_once
        self._vision_at_once = vision_at_once
        self._propose_batches = propose_batches
        self._prices = prices
        self._name_all = name_all

    def missing(self, criterion_ids: Sequence[str] = ()) -> Estimate:
        """Run the steps that are missing for these criteria, or for all accepted ones."""
        grouping = self._workspace.grouping
        criteria = [grouping.criterion(c) for c in criterion_ids] or grouping.criteria("accepted")
        return self._estimate(
            [
                *self._captions(len(criteria)),
                *self._labels([c.id for c in criteria]),
                *(self._fields(c) for c in criteria if grouping.missing_count("description", c.id)),
                *(self._placing(c) for c in criteria),
            ]
        )

    def discover(self) -> Estimate:
        """Propose criteria again."""
        captions = max(self._backlog.captions(), self._workspace.catalogue.image_count())
        asked = 1 if self.by_tags() else questions_for(min(self._propose_batches, max(1, captions // 3)))
        text = CallCost(self._workspace, self._text_model, self._text_at_once)
        proposed = text.calls("propose")
        merges = text.calls("merge") / proposed if proposed else _MERGES
        rules = len(self._workspace.grouping.rules())
        return self._estimate(
            [
                *self._captions(0),
                Calls("propose", asked),
                Calls("merge", math.ceil(asked * merges)),
                Calls("rules", _PROPOSED * rules),
            ]
        )

    def regroup(self, criterion_id: str) -> Estimate:
        """Describe, name and group under a criterion whose words have changed."""
        criterion = self._workspace.grouping.criterion(criterion_id)
        return self._estimate([*self._labels(_NEW), self._fields(criterion), self._tree(criterion)])

    def rebuild(self, criterion_id: str) -> Estimate:
        """Make only the tree of a criterion anew."""
        return self._estimate([self._tree(self._workspace.grouping.criterion(criterion_id))])

    def added(self) -> Estimate:
        """Describe, name and group under one new criterion."""
        new = Criterion("", "", "", origin="user")
        return self._estimate([*self._labels(_NEW), self._fields(new), self._tree(new)])

    def split(self, cluster_id: str) -> Estimate:
        """Find the parts of a cluster."""
        return self._estimate([Calls("split", _SPLIT_PARTS)])

    def by_tags(self) -> bool:
        """Whether a criterion is answered by a field of the taggers, which know nothing of its words."""
        if self._vision_model:
            return False
        captioned = self._workspace.catalogue.caption_count()
        return not captioned or 2 * self._backlog.tagged() >= captioned

    # the steps -------------------------------------------------------------------------------------------

    def _captions(self, criteria: int) -> list[Calls]:
        """Caption what is not captioned, and describe it under the criteria; taggers ask nobody."""
        if not self._vision_model:
            return []
        count = self._backlog.to_caption(self._vision_model)
        described = Calls("describe", count if criteria else 0, vision=True, criteria=criteria)
        return [Calls("caption", count, vision=True), described]

    def _labels(self, criterion_ids: Sequence[str]) -> list[Calls]:
        """Describe what the vision model sees, name what only captions tell of."""
        seen = self._backlog.to_describe(self._vision_model, criterion_ids)
        told = self._backlog.to_name(self._vision_model, criterion_ids)
        sample = told.number if self._name_all else sample_size(told.number)
        again = math.ceil(_SECOND_LOOK * (told.number - sample) * told.criteria)
        return [
            Calls("describe", seen.number if self._vision_model else 0, vision=True, criteria=seen.criteria),
            Calls("name", sample, criteria=told.criteria),
            Calls("name", again),
        ]

    def _fields(self, criterion: Criterion) -> Calls:
        """The choice of the tag field; a discovered criterion was made from one."""
        asked = self.by_tags() and criterion.origin == "user"
        return Calls("describe", int(asked))

    def _placing(self, criterion: Criterion) -> Calls:
        """The tree, or the places of new images in the one that is there."""
        if not self._workspace.grouping.clusters(criterion.id):
            return self._tree(criterion)
        new = self._workspace.grouping.missing_count("assignment", criterion.id)
        return Calls("assign", 0 if self.by_tags() else math.ceil(_STRANGERS * new))

    def _tree(self, criterion: Criterion) -> Calls:
        if self.by_tags() and criterion.k is None:
            return Calls("hierarchy", 0)
        known = len(self._workspace.grouping.name_counts(criterion.id)) if criterion.id else 0
        return Calls("hierarchy", tree_calls(known or self._distinct_names(), criterion.k))

    def _distinct_names(self) -> int:
        """How many distinct names a criterion brings of which none are known: as many as the others have."""
        others = self._backlog.distinct_names()
        if others:
            return round(sum(others) / len(others))
        if self.by_tags():
            return _TAG_VALUES
        images = max(self._backlog.captions(), self._workspace.catalogue.image_count())
        return min(images, round(_DISTINCT * math.sqrt(images)))

    # what they take --------------------------------------------------------------------------------------

    def _estimate(self, steps: Sequence[Calls]) -> Estimate:
        text = CallCost(self._workspace, self._text_model, self._text_at_once)
        vision = CallCost(self._workspace, self._vision_model, self._vision_at_once)
        said = total(text.cost(step) for step in steps if not step.vision)
        seen = total(vision.cost(step) for step in steps if step.vision)
        both = total([said, seen])
        return Estimate(*both[:4], money=self._money(said, seen), measured=both.measured)

    def _money(self, said: Cost, seen: Cost) -> float | None:
        prices = self._prices
        paid = [(said, prices.text_in, prices.text_out), (seen, prices.vision_in, prices.vision_out)]
        if any(cost.calls and not (into or out) for cost, into, out in paid) or not any(prices):
            return None
        return sum(c.prompt_tokens * into + c.completion_tokens * out for c, into, out in paid) / 1e6
