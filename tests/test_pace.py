"""The limit of one server, against a model of a server: it finds what the server can do, and no more."""

from __future__ import annotations

import random

import pytest

from models.pace import Pace
from tests.service_model import Rates, ServiceModel, Work, ideal_s

SERVER = Rates(prefill_per_s=40_000, decode_each_per_s=60, decode_all_per_s=3_000, running=256)
"""Fifty replies together are as fast as it gets."""


def works(number: int) -> list[Work]:
    drawn = random.Random(0)
    return [Work(300, drawn.randint(20, 60)) for _ in range(number)]


class Run:
    """A list of questions at the pace that is found, with no time but the model's."""

    def __init__(self, pace: Pace, *, number: int, rates: Rates = SERVER) -> None:
        self.pace = pace
        self.model = ServiceModel(rates)
        self.todo = works(number)
        self.sent = self.in_flight = 0
        self.seconds = 0.0
        self.limits: list[int] = []

    def go(self) -> Run:
        self.pace.resumed(0.0)
        self._send()
        while (at := self.model.next_at()) is not None:
            self.seconds = at
            for _ in self.model.advance(at):
                self.pace.succeeded(at, more_wait=self.sent < len(self.todo))
                self.in_flight -= 1
                self.limits.append(self.pace.limit)
                self._send()
        return self

    def _send(self) -> None:
        while self.sent < len(self.todo) and self.in_flight < self.pace.limit:
            self.model.arrive(self.seconds, self.sent, self.todo[self.sent])
            self.sent += 1
            self.in_flight += 1


@pytest.mark.parametrize("ceiling", [1, 8, 64])
def test_it_grows_to_its_ceiling_while_that_brings_more_and_loses_little(ceiling: int) -> None:
    number = 40 * ceiling
    run = Run(Pace(ceiling), number=number).go()
    assert max(run.limits) == ceiling
    assert ideal_s(SERVER, works(number), at_once=ceiling) / run.seconds > 0.95


def test_it_stops_growing_when_more_brings_nothing() -> None:
    run = Run(Pace(16_384), number=20_000).go()
    assert 50 <= run.limits[-1] <= 2_048
    assert ideal_s(SERVER, works(20_000), at_once=16_384) / run.seconds > 0.95


def test_it_finds_out_that_a_server_can_do_more_than_before() -> None:
    pace = Pace(16_384)
    before = Run(pace, number=8_000, rates=Rates(40_000, 60, 600, 256)).go().limits[-1]
    pace.resumed(0.0)
    after = Run(pace, number=20_000, rates=Rates(1e6, 60, 60_000, 16_384)).go().limits[-1]
    assert after > before


def test_too_many_requests_shrink_it_at_once_and_it_climbs_back() -> None:
    pace = Pace(100)
    Run(pace, number=4_000).go()
    before = pace.limit
    pace.failed(1_000.0, began=999.0, overload=True)
    shrunk = pace.limit
    assert shrunk == int(0.7 * before)
    Run(pace, number=4_000).go()
    assert pace.limit > shrunk


def test_what_was_sent_before_a_shrink_does_not_shrink_it_again() -> None:
    pace = Pace(64)
    for _ in range(16):
        pace.failed(10.0, began=9.0, overload=True)
    assert pace.limit == int(0.7 * 16)
    pace.failed(11.0, began=10.5, overload=True)
    assert pace.limit < int(0.7 * 16)


def test_a_rare_failure_that_has_nothing_to_do_with_load_does_not_shrink_it() -> None:
    pace = Pace(64)
    Run(pace, number=2_000).go()
    before = pace.limit
    pace.failed(1_000.0, began=999.0, overload=False)
    assert pace.limit == before


def test_it_never_falls_below_one() -> None:
    pace = Pace(4)
    for second in range(1, 50):
        pace.failed(float(second), began=second - 0.5, overload=True)
    assert pace.limit == 1


def test_too_few_questions_tell_nothing_about_a_server() -> None:
    pace = Pace(64)
    start = pace.limit
    for second in range(1, 200):
        pace.succeeded(float(second), more_wait=False)
    assert pace.limit == start
