"""Ids in lists, for tests: the store itself only hands them out in parts."""

from __future__ import annotations

from store.catalogue import Catalogue
from store.grouping import Grouping


def missing_ids(grouping: Grouping, table: str, criterion_id: str) -> list[str]:
    return list(grouping.missing(table, criterion_id))


def captioned_ids(catalogue: Catalogue) -> list[str]:
    return [image_id for ids in catalogue.captioned(size=2) for image_id in ids]


def uncaptioned_ids(catalogue: Catalogue, *, leaders: bool) -> list[str]:
    return list(catalogue.uncaptioned(leaders=leaders))
