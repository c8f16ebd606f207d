"""What a prompt set is run with, and what is to be expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from conductor_core.budget import dollars
from conductor_core.errors import InvalidRequest
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.prompt_sets.judge import TEMPLATE
from conductor_core.routing.expectation import Expectation, Lengths, expected_cost
from conductor_core.routing.gateway import Gateway
from conductor_core.turns import LaneSetup

MOST_LANES = 4
MOST_AT_ONCE = 32
LEAST_BUDGET, MOST_BUDGET = 0.001, 10_000.0
_ANSWER_CHARACTERS = 600
"""Of an answer that the judge is going to see."""


class RunSetup(BaseModel):
    """The lanes of a run, who judges, and how many cells run at once."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    lanes: Annotated[tuple[LaneSetup, ...], Field(min_length=1, max_length=MOST_LANES)]
    judge: LaneSetup | None = None
    concurrency: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 4


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to ask. Characters are those of a prompt, or of what is expected of its answer, on average."""

    prompts: int
    judged: int
    prompt_characters: int
    expected_characters: int

    @classmethod
    def of(cls, texts: Sequence[tuple[str, str]], judged: int) -> Size:
        """Of prompts, each with what is expected of its answer."""
        count = max(1, len(texts))
        prompts, expected = (sum(map(len, column)) // count for column in zip(*texts, strict=True)) if texts else (0, 0)
        return cls(len(texts), judged, prompts, expected)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run is expected to cost in USD, by lane; `judge` is what judging all lanes costs on top."""

    lanes: tuple[Expectation, ...]
    judge: Expectation | None = None

    @property
    def all(self) -> tuple[Expectation, ...]:
        return (*self.lanes, self.judge) if self.judge else self.lanes

    @property
    def low(self) -> float:
        """As long as answers usually are; what has no known price is not in it."""
        return sum(one.low or 0.0 for one in self.all)

    @property
    def high(self) -> float:
        """With the longest answers the lanes allow."""
        return sum(one.high or 0.0 for one in self.all)

    @property
    def unknown(self) -> int:
        """How many lanes, or the judge, have no known price."""
        return sum(one.unknown for one in self.all)


def prompt_of(setup: LaneSetup, text: str) -> Prompt:
    """What a lane is asked."""
    system = [Message.of(MessageRole.SYSTEM, setup.system)] if setup.system else []
    return Prompt(
        messages=(*system, Message.of(MessageRole.USER, text)),
        model=setup.model,
        temperature=setup.temperature,
        max_tokens=setup.max_tokens,
        top_p=setup.top_p,
        seed=setup.seed,
    )


def expected_of(size: Size, setup: RunSetup, gateway: Gateway, lengths: Lengths) -> Expected:
    """What a run may cost, from a prompt of average length in each lane. Asks nobody; on the event loop."""
    asked = [(lane.provider, prompt_of(lane, "x" * size.prompt_characters)) for lane in setup.lanes]
    lanes = [_times(one, size.prompts) for one in expected_cost(asked, gateway, lengths)]
    if not (setup.judge and size.judged):
        return Expected(tuple(lanes))
    characters = len(TEMPLATE) + size.prompt_characters + size.expected_characters + _ANSWER_CHARACTERS
    question = prompt_of(setup.judge, "x" * characters)
    (judge,) = expected_cost([(setup.judge.provider, question)], gateway, lengths)
    return Expected(tuple(lanes), _times(judge, size.judged * len(lanes)))


def check_budget(budget_usd: float | None, expected: Expected) -> None:
    """Refuses a budget that makes no sense for a run.

    Raises:
        InvalidRequest: it is out of its bounds, a price is unknown, or the run is expected to cost more.
    """
    if budget_usd is None:
        return
    if not LEAST_BUDGET <= budget_usd <= MOST_BUDGET:
        raise InvalidRequest(
            f"budget: a run can have {dollars(LEAST_BUDGET)} to {dollars(MOST_BUDGET)}; leave it empty for none.",
            "budget",
        )
    if expected.unknown:
        raise InvalidRequest(
            "A price is unknown, and the run's budget needs one. Take another model, or leave the budget empty.",
            "budget",
        )
    if expected.low > budget_usd:
        raise InvalidRequest(
            f"The run is expected to cost at least {dollars(expected.low)}, and its budget is {dollars(budget_usd)}. "
            "Raise the budget, or take fewer prompts, lanes or tokens.",
            "budget",
        )


def _times(one: Expectation, count: int) -> Expectation:
    low, high = (None if usd is None else usd * count for usd in (one.low, one.high))
    return replace(one, low=low, high=high)
