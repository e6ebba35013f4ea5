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
from store.estimates import StageEstimate
from store.records import Criterion
from store.workspace import Workspace
from tools.call_cost import CallCost, Calls, total
from tools.naming_sample import sample_size, second_look
from tools.sides import questions_for
from tools.tree_calls import tree_calls

_NEW = "?"
"""How the stand-in for the id of a criterion begins of which nothing is known yet; no id has that sign."""
_DISTINCT = 3.0
"""Distinct names under a criterion, as a multiple of the root of the captions, where none are known."""
_TAG_VALUES = 12
"""The same for a collection that only the taggers have seen."""
_STRANGERS = 0.25
"""Share of the images that join an existing tree about which the model is asked."""
_MERGES = 0.25
"""Comparisons for each call of the proposer, until that was measured."""
_DOUBTFUL = 0.1
"""Share of the unnamed images about which the model is asked in the end."""
_STAGES = ("caption", "propose", "merge", "rules", "describe", "name", "hierarchy", "assign", "split")
"""In the order of a run."""
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


class RunPlan(NamedTuple):
    """What a run is to do, as far as it decides about calls."""

    new_images: int = 0
    """Pictures that the workspace does not know yet, each taken for one of its own."""
    criterion_ids: tuple[str, ...] = ()
    """Criteria of the workspace that are to be grouped by."""
    new_criteria: tuple[Criterion, ...] = ()
    """Criteria that it does not know yet, or whose words have changed."""
    discovers: bool = False
    """Criteria are proposed; as many as are proposed at most are expected to be grouped by."""
    only_proposes: bool = False
    """It ends with the proposals."""


def in_all(rows: Sequence[StageEstimate]) -> Estimate:
    """The sum over stages; without money where any of them has none."""
    money = [row.money for row in rows]
    return Estimate(
        sum(row.calls for row in rows),
        sum(row.prompt_tokens for row in rows),
        sum(row.completion_tokens for row in rows),
        sum(row.seconds for row in rows),
        sum(part for part in money if part is not None) if rows and None not in money else None,
        all(row.measured for row in rows),
    )


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
        max_criteria: int = 6,
        one_at_a_time: bool = False,
        text_free: bool = False,
        vision_free: bool = False,
    ) -> None:
        """Estimate for these models, by the names under which their calls are booked.

        `vision_model` is empty when the embedded taggers look. `name_all`: no text is left to its likeness to
        others. `max_criteria`: how many a discovery brings. `one_at_a_time`: each call is about one
        criterion. `text_free`, `vision_free`: the model runs on this machine, so that no price is no price.
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
        self._max_criteria = max_criteria
        self._one_at_a_time = one_at_a_time
        self._text_free = text_free
        self._vision_free = vision_free

    def run(self, plan: RunPlan) -> list[StageEstimate]:
        """What a whole run takes: a row for each stage and model that is asked, in their order."""
        return self._by_stage(self._run_steps(plan))

    def missing(self, criterion_ids: Sequence[str] = ()) -> Estimate:
        """Run the steps that are missing for these criteria, or for all accepted ones."""
        accepted = self._workspace.grouping.criteria("accepted")
        ids = tuple(criterion_ids) or tuple(c.id for c in accepted)
        return self._estimate(self._run_steps(RunPlan(criterion_ids=ids)))

    def discover(self) -> Estimate:
        """Propose criteria again."""
        return self._estimate(self._run_steps(RunPlan(only_proposes=True)))

    def regroup(self, criterion_id: str) -> Estimate:
        """Describe, name and group under a criterion whose words have changed."""
        criterion = self._workspace.grouping.criterion(criterion_id)
        return self._estimate([*self._labels([_NEW]), self._fields(criterion), self._tree(criterion)])

    def rebuild(self, criterion_id: str) -> Estimate:
        """Make only the tree of a criterion anew."""
        return self._estimate([self._tree(self._workspace.grouping.criterion(criterion_id))])

    def added(self) -> Estimate:
        """Describe, name and group under one new criterion."""
        new = Criterion("", "", "", origin="user")
        return self._estimate([*self._labels([_NEW]), self._fields(new), self._tree(new)])

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

    def _run_steps(self, plan: RunPlan) -> list[Calls]:
        if plan.only_proposes:
            return [*self._captions(self._to_look_at(plan.new_images), 0), *self._proposing(plan.new_images)]
        known = [self._workspace.grouping.criterion(c) for c in plan.criterion_ids]
        found = [Criterion("", "", "")] * (self._max_criteria if plan.discovers else 0)
        new = [*plan.new_criteria, *found]
        # Another vision model than before: what was read from the old captions goes with them.
        anew = bool(self._vision_model and self._backlog.seen_by_others(self._vision_model))
        fresh = self._to_look_at(plan.new_images)
        steps = self._captions(fresh, len(known) + len(new))
        if plan.discovers:
            steps += self._proposing(plan.new_images)
        if not anew:
            steps += self._labels([*(c.id for c in known), *(f"{_NEW}{n}" for n in range(len(new)))])
        missing = self._workspace.grouping.missing_count
        steps += [self._fields(c) for c in known if anew or missing("description", c.id)]
        steps += [self._fields(c) for c in new]
        steps += [self._tree(c) if anew else self._placing(c, fresh) for c in known]
        return steps + [self._tree(c, plan.new_images) for c in new]

    def _to_look_at(self, new_images: int = 0) -> int:
        """How many images a vision model has still to see; taggers ask nobody."""
        return self._backlog.to_caption(self._vision_model) + new_images if self._vision_model else 0

    def _captions(self, count: int, criteria: int) -> list[Calls]:
        """Caption so many images, and describe them under the criteria."""
        return [
            Calls("caption", count, vision=True),
            self._asked("describe", count if criteria else 0, criteria, vision=True),
        ]

    def _asked(self, stage: str, number: int, criteria: float, *, vision: bool = False) -> Calls:
        """So many questions about all the criteria together, or as many for each of them."""
        if self._one_at_a_time:
            return Calls(stage, math.ceil(number * criteria), vision=vision)
        return Calls(stage, number, vision=vision, criteria=criteria)

    def _proposing(self, new_images: int = 0) -> list[Calls]:
        asked = 1
        if not self.by_tags():
            asked = questions_for(min(self._propose_batches, max(1, self._images(new_images) // 3)))
        text = CallCost(self._workspace, self._text_model, self._text_at_once)
        proposed = text.calls("propose")
        merges = text.calls("merge") / proposed if proposed else _MERGES
        if self.by_tags():
            merges = 0
        rules = len(self._workspace.grouping.rules())
        return [
            Calls("propose", asked),
            Calls("merge", math.ceil(asked * merges)),
            Calls("rules", self._max_criteria * rules),
        ]

    def _labels(self, criterion_ids: Sequence[str]) -> list[Calls]:
        """Describe what the vision model sees, name what only captions tell of."""
        seen = self._backlog.to_describe(self._vision_model, criterion_ids)
        told = self._backlog.to_name(self._vision_model, criterion_ids)
        sample = told.number if self._name_all else sample_size(told.number)
        looked_at = min(_DOUBTFUL, second_look(told.number))
        again = math.ceil(looked_at * (told.number - sample) * told.criteria)
        return [
            self._asked("describe", seen.number if self._vision_model else 0, seen.criteria, vision=True),
            self._asked("name", sample, told.criteria),
            Calls("assign", again),
        ]

    def _fields(self, criterion: Criterion) -> Calls:
        """The choice of the tag field; a discovered criterion was made from one."""
        asked = self.by_tags() and criterion.origin == "user"
        return Calls("describe", int(asked))

    def _placing(self, criterion: Criterion, fresh: int) -> Calls:
        """The tree, or the places of new images in the one that is there; `fresh` ones are not captioned."""
        if not self._workspace.grouping.clusters(criterion.id):
            return self._tree(criterion)
        new = self._workspace.grouping.missing_count("assignment", criterion.id) + fresh
        return Calls("assign", 0 if self.by_tags() else math.ceil(_STRANGERS * new))

    def _tree(self, criterion: Criterion, new_images: int = 0) -> Calls:
        if self.by_tags() and criterion.k is None:
            return Calls("hierarchy", 0)
        known = len(self._workspace.grouping.name_counts(criterion.id)) if criterion.id else 0
        return Calls("hierarchy", tree_calls(known or self._distinct_names(new_images), criterion.k))

    def _distinct_names(self, new_images: int) -> int:
        """How many distinct names a criterion brings of which none are known: as many as the others have."""
        others = self._backlog.distinct_names()
        if others:
            return round(sum(others) / len(others))
        if self.by_tags():
            return _TAG_VALUES
        images = self._images(new_images)
        return min(images, round(_DISTINCT * math.sqrt(images)))

    def _images(self, new_images: int) -> int:
        """How many distinct captions there are, or will be."""
        return max(self._backlog.captions(), self._workspace.catalogue.image_count()) + new_images

    # what they take --------------------------------------------------------------------------------------

    def _by_stage(self, steps: Sequence[Calls]) -> list[StageEstimate]:
        models = (
            (False, self._text_model, CallCost(self._workspace, self._text_model, self._text_at_once)),
            (True, self._vision_model, CallCost(self._workspace, self._vision_model, self._vision_at_once)),
        )
        rows = []
        for stage in _STAGES:
            for vision, model, costs in models:
                asked = [step for step in steps if step.stage == stage and step.vision == vision]
                cost = total(costs.cost(step) for step in asked)
                if cost.calls:
                    into, out = self._prices_of(vision=vision)
                    rows.append(StageEstimate(stage, model, *cost, price_in=into, price_out=out))
        return rows

    def _prices_of(self, *, vision: bool) -> tuple[float | None, float | None]:
        into, out = self._prices[2:] if vision else self._prices[:2]
        return (into, out) if into or out or self._is_free(vision=vision) else (None, None)

    def _is_free(self, *, vision: bool) -> bool:
        """A model of this machine beside one that has a price."""
        return any(self._prices) and (self._vision_free if vision else self._text_free)

    def _estimate(self, steps: Sequence[Calls]) -> Estimate:
        rows = self._by_stage(steps)
        # Nothing to ask costs nothing, where there are prices to say so.
        return in_all(rows) if rows or not any(self._prices) else Estimate(money=0.0, measured=True)
