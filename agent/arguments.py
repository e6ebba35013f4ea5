"""The forms of the abilities' arguments: few, flat, and each field told to the model in a few words."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.ability import Arguments, ClusterName, CriterionName
from tools.export import Format

Work = Literal["missing steps", "propose criteria", "add a criterion", "regroup", "split a cluster"]

_IN_FOCUS = "Empty: the one that was talked about last."


class Nothing(Arguments):
    """Takes no arguments."""


class OneCriterion(Arguments):
    """One criterion."""

    criterion: CriterionName = Field("", description=f"The criterion. {_IN_FOCUS}")


class SomeCriteria(Arguments):
    """One or more criteria."""

    criteria: list[CriterionName] = Field(description="The criteria that the person named.", max_length=12)


class OneCluster(Arguments):
    """One cluster."""

    cluster: ClusterName = Field("", description=f"The cluster. {_IN_FOCUS}")


class TwoClusters(Arguments):
    """Two clusters."""

    first: ClusterName = Field("", description=f"One cluster. {_IN_FOCUS}")
    second: ClusterName = Field(description="The other cluster.")


class TwoCriteria(Arguments):
    """Two criteria."""

    first: CriterionName = Field("", description=f"One criterion. {_IN_FOCUS}")
    second: CriterionName = Field(description="The other criterion.")


class FindImages(Arguments):
    """What to look for, and where."""

    query: str = Field(description="What the images show, in the person's words.", max_length=200)
    cluster: ClusterName = Field("", description="Only look in this cluster. Empty: in all images.")


class EstimateCost(Arguments):
    """What the person thinks of doing."""

    what: Work = Field("missing steps", description="What would be done.")
    criterion: CriterionName = Field("", description="For 'regroup': which criterion.")


class RenameCriterion(Arguments):
    """A criterion and its new name."""

    criterion: CriterionName = Field("", description=f"The criterion. {_IN_FOCUS}")
    new_name: str = Field(description="Its new name, in the person's words.", max_length=60)


class MergeCriteria(Arguments):
    """Criteria that become one."""

    criteria: list[CriterionName] = Field(description="The criteria, two or more.", max_length=12)
    name: str = Field("", description="A name for the merged one, if the person gave one.", max_length=60)


class AddCriterion(Arguments):
    """A criterion in the person's words."""

    name: str = Field(description="A short name: one or two words.", max_length=60)
    definition: str = Field("", description="What it asks of a picture, if the person said.", max_length=300)
    guidance: str = Field("", description="What to pay attention to or to ignore.", max_length=300)
    k: int = Field(0, description="How many clusters, if the person said; 0: not said.", ge=0, le=100)


class RefineCriterion(Arguments):
    """What a criterion is to pay attention to."""

    criterion: CriterionName = Field("", description=f"The criterion. {_IN_FOCUS}")
    guidance: str = Field(description="What to pay attention to or to ignore.", max_length=300)


class SetClusterCount(Arguments):
    """How many clusters a criterion gets."""

    criterion: CriterionName = Field("", description=f"The criterion. {_IN_FOCUS}")
    k: int = Field(description="How many clusters; 0: as many as there are.", ge=0, le=100)


class SetRule(Arguments):
    """A rule for every criterion."""

    rule: str = Field(description="The rule, for instance 'never use gender'.", max_length=200)


class ProposeMore(Arguments):
    """What new criteria to look for."""

    hint: str = Field("", description="What to look for, if the person said.", max_length=200)


class RenameCluster(Arguments):
    """A cluster and its new name."""

    cluster: ClusterName = Field("", description=f"The cluster. {_IN_FOCUS}")
    new_name: str = Field(description="Its new name, in the person's words.", max_length=60)


class MergeClusters(Arguments):
    """Clusters that become one."""

    clusters: list[ClusterName] = Field(description="The clusters, two or more.", max_length=12)
    name: str = Field("", description="A name for the merged one, if the person gave one.", max_length=60)


class SplitCluster(Arguments):
    """A cluster and how to divide it."""

    cluster: ClusterName = Field("", description=f"The cluster. {_IN_FOCUS}")
    parts: int = Field(0, description="How many parts, if the person said; 0: not said.", ge=0, le=12)
    hint: str = Field("", description="By what to divide it, if the person said.", max_length=200)


class MoveImages(Arguments):
    """Images that belong elsewhere."""

    query: str = Field(
        "", description="Which images, in words. Empty: the image that was talked about last.", max_length=200
    )
    from_cluster: ClusterName = Field("", description="Where they are now. Empty: not said.")
    to_cluster: ClusterName = Field("", description="Where they belong. Empty: they become unclear.")


class Export(Arguments):
    """A file format."""

    format: Format = Field("csv", description="csv for a spreadsheet, jsonl or parquet for programs.")


class NoneOfThese(Arguments):
    """Why nothing fits."""

    reason: str = Field(description="What was asked for that cannot be done here.", max_length=200)
