"""A sentence per chart, for those who don't see it: what it shows, and what stands out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conductor_core.metrics.figures import Figures, Key, Overview
from conductor_core.metrics.words import OUTCOME_WORDS, seconds_words
from dashboard.components import numbers, untrusted
from dashboard.components.who import name_of


def sentences(charted: Overview, models: Overview, keys: Sequence[Key]) -> dict[str, str]:
    """By chart."""
    groups = {_name(key): charted.groups[key] for key in keys}
    total = charted.total
    failures = {
        OUTCOME_WORDS[kind]: int(counts.sum()) for kind, counts in charted.all_lines.failures.items() if counts.any()
    }
    kinds = ", ".join(f"{words} {numbers.count(many)}" for words, many in failures.items())
    return {
        "latency": _each("Median latency", groups, lambda of: numbers.seconds(of.latency.p50)),
        "ttft": _each("Median time to first token", groups, lambda of: numbers.seconds(of.ttft.p50)),
        "success": _each("Requests answered", groups, lambda of: numbers.success(of.answered, of.judged)),
        "errors": f"Failed attempts by kind: {kinds}." if kinds else "No attempt failed.",
        "pace": _each("Median tokens per second", groups, lambda of: numbers.rate(of.pace.p50)),
        "requests": _each("Requests", groups, lambda of: numbers.count(of.asked)),
        "cost": _each("Cost", groups, cost_words),
        "spent": f"Spent in this range: {cost_words(total)}.",
        "tokens": f"{numbers.count(total.prompt_tokens)} tokens in, {numbers.count(total.completion_tokens)} out.",
        "spread": _each("Half of all answers within", groups, lambda of: numbers.seconds(of.latency.p50)),
        "against": "; ".join(_against(key, of) for key, of in models.groups.items()) or "No calls.",
    }


def cost_words(of: Figures) -> str:
    """`~$0.31 + 3 unpriced`, `free`; where nothing was answered, what failed cost nothing, but is not free."""
    answered = of.judged_attempts > of.failed_attempts
    return numbers.total(of.cost_usd, of.cost_estimated > 0, of.unpriced, answered and of.free == of.priced)


def _each(what: str, groups: dict[str, Figures], words: Callable[[Figures], str]) -> str:
    told = ", ".join(f"{name} {words(of)}" for name, of in groups.items())
    return f"{what}: {told}." if told else "No calls in this range."


def _against(key: Key, of: Figures) -> str:
    a_call = numbers.money(of.cost_usd / of.priced) if of.cost_usd is not None else numbers.MISSING
    wait = numbers.MISSING if of.latency.p50 is None else seconds_words(of.latency.p50)
    return f"{_name(key)}: {a_call} a call, {wait} median"


def _name(key: Key) -> str:
    name = name_of(key.provider)
    return untrusted.isolated(f"{name} {key.model}" if key.model else name)
