"""All abilities, in the order in which the model is told of them."""

from __future__ import annotations

from typing import Any

from agent import arguments as form
from agent import cluster_abilities as clusters
from agent import criteria_abilities as criteria
from agent import image_abilities as images
from agent import look_abilities as look
from agent import relate_abilities as relate
from agent import state_abilities as state
from agent import steer_abilities as steer
from agent import work_abilities as work
from agent.ability import Ability

ABILITIES: tuple[Ability[Any], ...] = (
    Ability(
        "list_criteria",
        "List all criteria with their status and how far each is grouped.",
        form.Nothing,
        "look",
        state.list_criteria,
    ),
    Ability(
        "explain_criterion",
        "Say why a criterion is there: what it was proposed from, what it asks, its groups and its edits.",
        form.OneCriterion,
        "look",
        look.explain_criterion,
    ),
    Ability(
        "show_cluster",
        "Show what is in a cluster: how many images, its parts, examples.",
        form.OneCluster,
        "look",
        look.show_cluster,
    ),
    Ability(
        "show_unclear",
        "Show the images that are unclear under a criterion, and why.",
        form.OneCriterion,
        "look",
        look.show_unclear,
    ),
    Ability(
        "compare_clusters",
        "Say how two clusters differ and what they have in common.",
        form.TwoClusters,
        "look",
        relate.compare_clusters,
    ),
    Ability(
        "cross_criteria",
        "Count how the clusters of two criteria go together, as a table.",
        form.TwoCriteria,
        "look",
        relate.cross_criteria,
    ),
    Ability(
        "find_images",
        "Find images that show something, by meaning.",
        form.FindImages,
        "look",
        images.find_images,
    ),
    Ability(
        "collection_facts",
        "Tell about the collection: how many images, skipped files and why, what it has cost so far.",
        form.Nothing,
        "look",
        state.collection_facts,
    ),
    Ability(
        "show_history",
        "List what was changed, by whom, and what can be undone.",
        form.Nothing,
        "look",
        state.show_history,
    ),
    Ability(
        "estimate_cost",
        "Say what something would cost in model calls and time, without doing it.",
        form.EstimateCost,
        "look",
        state.estimate_cost,
    ),
    Ability(
        "accept_criteria",
        "Accept proposed or vetoed criteria, so that images are grouped by them.",
        form.SomeCriteria,
        "edit",
        criteria.accept,
        cost=criteria.cost_of_accepting,
        plan=criteria.plan_to_accept,
    ),
    Ability(
        "veto_criteria",
        "Veto criteria: images are not grouped by them any more.",
        form.SomeCriteria,
        "edit",
        criteria.veto,
    ),
    Ability(
        "rename_criterion",
        "Give a criterion another name.",
        form.RenameCriterion,
        "edit",
        criteria.rename,
    ),
    Ability(
        "merge_criteria",
        "Make several criteria that ask the same into one.",
        form.MergeCriteria,
        "edit",
        criteria.merge,
    ),
    Ability(
        "add_criterion",
        "Group the images by a new criterion that the person names.",
        form.AddCriterion,
        "edit",
        criteria.add,
        cost=criteria.cost_of_adding,
        ask_when=criteria.puts_aside,
        plan=criteria.plan_to_add,
    ),
    Ability(
        "refine_criterion",
        "Tell one criterion what to pay attention to or to ignore; it is grouped anew.",
        form.RefineCriterion,
        "edit",
        steer.refine,
        cost=steer.cost_of_refining,
        plan=steer.plan_to_refine,
        always_ask=True,
    ),
    Ability(
        "set_cluster_count",
        "Group a criterion more coarsely or finely: set how many clusters it has.",
        form.SetClusterCount,
        "edit",
        steer.set_cluster_count,
        cost=steer.cost_of_count,
        plan=steer.plan_of_count,
        always_ask=True,
    ),
    Ability(
        "set_rule",
        "Set a rule that holds for all criteria, now and later, such as 'never use gender'.",
        form.SetRule,
        "edit",
        steer.set_rule,
        cost=steer.cost_of_rule,
        plan=steer.plan_of_rule,
    ),
    Ability(
        "propose_more",
        "Look for more criteria in the collection; nothing is grouped before the person has seen them.",
        form.ProposeMore,
        "work",
        work.propose_more,
        cost=work.cost_of_proposing,
        plan=work.plan_to_propose,
    ),
    Ability(
        "rename_cluster",
        "Give a cluster another name.",
        form.RenameCluster,
        "edit",
        clusters.rename,
    ),
    Ability(
        "merge_clusters",
        "Make several clusters of one criterion into one.",
        form.MergeClusters,
        "edit",
        clusters.merge,
    ),
    Ability(
        "split_cluster",
        "Divide a cluster into several.",
        form.SplitCluster,
        "edit",
        clusters.split,
        cost=clusters.cost_of_splitting,
        plan=clusters.plan_to_split,
    ),
    Ability(
        "move_images",
        "Put images into the cluster where they belong.",
        form.MoveImages,
        "edit",
        images.move,
        plan=images.plan_to_move,
        shows=images.images_to_move,
        always_ask=True,
    ),
    Ability(
        "run_missing",
        "Do the steps that are missing: caption new images, group by accepted criteria.",
        form.Nothing,
        "work",
        work.run_missing,
        cost=work.cost_of_missing,
        plan=work.plan_of_missing,
    ),
    Ability("undo", "Take back the last change.", form.Nothing, "edit", work.undo),
    Ability("redo", "Do the change again that was taken back last.", form.Nothing, "edit", work.redo),
    Ability(
        "export",
        "Write the groups of all images to a file.",
        form.Export,
        "work",
        work.write_export,
        ask_when=work.exported_before,
        plan=work.plan_to_export,
    ),
    Ability(
        "none_of_these",
        "Choose this when no other ability does what the person asks.",
        form.NoneOfThese,
        "look",
        work.none_of_these,
    ),
)
