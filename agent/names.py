"""What a name means in a workspace, what each cluster is called, and which names to offer to a model."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence

from agent.ability import Kind
from agent.cluster_index import ClusterIndex, Entry
from agent.outcome import Focus
from agent.words import content_words, listed, plain_words, quoted, singular
from store.errors import InputError
from store.records import Cluster, Criterion
from store.workspace import Workspace

_CLOSE = 0.75


def find_criterion(workspace: Workspace, text: str, focus: Focus) -> Criterion:
    """The criterion that a text means; an empty one means the one in focus, or the only one.

    A merged criterion's name means the one that it was merged into. Raises InputError with the nearest names.
    """
    known = workspace.grouping.criteria()
    if not text.strip():
        return _criterion_in_focus(workspace, known, focus)
    words = [singular(word) for word in plain_words(text)]
    bare = [word for word in words if word not in ("the", "criterion")]
    live_first = sorted(known, key=lambda c: c.status == "merged")
    for criterion in live_first:
        if text.strip().casefold() in (criterion.id.casefold(), criterion.name.casefold()):
            return _merged_into(workspace, criterion)
    for criterion in live_first:
        if [singular(word) for word in plain_words(criterion.name)] in (words, bare) and words:
            return _merged_into(workspace, criterion)
    live = [c.name for c in known if c.status != "merged"]
    near = difflib.get_close_matches(text.casefold(), [n.casefold() for n in live], n=3, cutoff=0.6)
    meant = [name for name in live if name.casefold() in near]
    raise InputError(f"No criterion '{text.strip()}'. {_hint(meant, live, 'No criterion is known yet.')}")


def find_cluster(workspace: Workspace, text: str, focus: Focus, *, criterion_id: str = "") -> Cluster:
    """The cluster that a text means, under one criterion or any accepted one; empty means the one in focus.

    Takes labels, names whatever their case and number, paths ('Subject: animal > dog') and ids. Of several
    that bear a name the one under the criterion in focus is meant. Raises InputError with the nearest names.
    """
    if not text.strip():
        if not focus.cluster_id:
            raise InputError("Which cluster? Name one, for instance as it is written in the tree.")
        text = focus.cluster_id
    with contextlib.suppress(InputError):
        return workspace.browse.cluster(text.strip())
    index = ClusterIndex(workspace, criterion_id=criterion_id)
    found = index.matching(text)
    if len(found) > 1:
        found = [e for e in found if e.criterion.id == focus.criterion_id] or found
    if len(found) == 1:
        return found[0].cluster
    if found:
        labels = quoted([index.label(e.cluster) for e in found[:4]], last="or")
        raise InputError(f"'{text.strip()}' can mean several clusters. Did you mean {labels}?")
    raise InputError(_no_cluster(index, text.strip()))


def cluster_label(workspace: Workspace, cluster: Cluster) -> str:
    """What to call a cluster so that `find_cluster` finds it: its name where that is enough, else its path.

    For many labels make one ClusterIndex and ask that.
    """
    return ClusterIndex(workspace).label(cluster)


def offered(workspace: Workspace, focus: Focus, request: str = "", most: int = 12) -> dict[Kind, list[str]]:
    """The names for a closed choice: all criteria, and up to `most` labels of clusters.

    First the clusters that the request speaks of, then the one in focus with those around it, then the
    coarse ones of the criterion in focus, then the largest coarse ones.
    """
    index = ClusterIndex(workspace, counted=True)
    coarse = sorted((e for e in index.entries if not e.parent_id), key=lambda e: -e.count)
    of_focus = [e for e in coarse if e.criterion.id == focus.criterion_id]
    chosen = [*_spoken_of(index, request), *_around(index, focus), *of_focus, *coarse]
    labels = list(dict.fromkeys(index.label(e.cluster) for e in chosen))
    criteria = [c.name for c in workspace.grouping.criteria("accepted", "proposed", "vetoed")]
    return {"criterion": criteria, "cluster": labels[:most]}


def _criterion_in_focus(workspace: Workspace, known: Sequence[Criterion], focus: Focus) -> Criterion:
    for criterion in known:
        of_cluster = (c.id for c in workspace.grouping.clusters(criterion.id))
        if criterion.id == focus.criterion_id or (not focus.criterion_id and focus.cluster_id in of_cluster):
            return _merged_into(workspace, criterion)
    accepted = [c for c in known if c.status == "accepted"]
    if len(accepted) == 1:
        return accepted[0]
    names = [c.name for c in known if c.status != "merged"]
    raise InputError(f"Which criterion? {_hint([], names, 'No criterion is known yet.')}")


def _merged_into(workspace: Workspace, criterion: Criterion) -> Criterion:
    seen = {criterion.id}
    while criterion.status == "merged" and criterion.merged_into not in (*seen, ""):
        criterion = workspace.grouping.criterion(criterion.merged_into)
        seen.add(criterion.id)
    return criterion


def _hint(meant: Sequence[str], known: Sequence[str], none: str) -> str:
    if meant:
        return f"Did you mean {quoted(meant, last='or')}?"
    return f"Known: {', '.join(known)}." if known else none


def _no_cluster(index: ClusterIndex, text: str) -> str:
    if not index.entries:
        return f"No cluster '{text}': no image is grouped yet. Accept a criterion and run the missing steps."
    if text.casefold() == "unclear":
        return "'unclear' is no cluster. Ask which images are unclear under a criterion."
    criteria = {e.criterion.name.casefold(): e.criterion for e in index.entries}
    if text.casefold() in criteria:
        criterion = criteria[text.casefold()]
        below = [e.path[-1] for e in index.entries if e.criterion.id == criterion.id and not e.parent_id]
        return f"'{text}' is a criterion. Name one of its clusters: {quoted(below[:8], last='or')}."
    names = {e.path[-1].casefold(): e for e in reversed(index.entries)}
    close = [names[n] for n in difflib.get_close_matches(text.casefold(), names, n=3, cutoff=0.6)]
    near = list(dict.fromkeys([*close, *_spoken_of(index, text)]))[:3]
    if near:
        return f"No cluster '{text}'. Did you mean {listed([_told(index, e) for e in near], last='or')}?"
    some = [_told(index, e) for e in index.entries if not e.parent_id][:8]
    return f"No cluster '{text}'. Some that there are: {', '.join(some)}."


def _told(index: ClusterIndex, entry: Entry) -> str:
    label = index.label(entry.cluster)
    return f"'{label}' ({entry.criterion.name})" if label == entry.path[-1] else f"'{label}'"


def _spoken_of(index: ClusterIndex, request: str) -> list[Entry]:
    """The entries whose names share words with the request, misspelt ones too, the most alike first."""
    words = set(content_words(request))
    names = {e.cluster.id: content_words(e.path[-1]) for e in index.entries}
    vocabulary = set().union(*names.values())
    for word in [w for w in words - vocabulary if len(w) > 3]:
        words |= set(difflib.get_close_matches(word, vocabulary, n=2, cutoff=_CLOSE))
    alike = {
        own: len(name & words) / len(name) + len(name & words) for own, name in names.items() if name & words
    }
    found = [e for e in index.entries if e.cluster.id in alike]
    return sorted(found, key=lambda e: (-alike[e.cluster.id], -e.count))


def _around(index: ClusterIndex, focus: Focus) -> list[Entry]:
    """The entry in focus, those below it, those beside it, and the one above."""
    here = index.entry(focus.cluster_id)
    if here is None:
        return []
    own, parent = here.cluster.id, here.parent_id
    same = [e for e in index.entries if e.criterion.id == here.criterion.id]
    below = [e for e in same if e.parent_id == own]
    beside = [e for e in same if e.parent_id == parent and e is not here] if parent else []
    return [here, *below, *beside, *(e for e in same if e.cluster.id == parent)]
