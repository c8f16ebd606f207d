"""What changed against the span before, in words with a sign: only what is more than chance and worth a look."""

from __future__ import annotations

from conductor_core.metrics.figures import Figures, Quantiles
from dashboard.components import numbers

ENOUGH = 10
"""Fewer samples on either side say nothing of a change."""
_NOTABLE = 0.05


def changes(now: Figures, before: Figures | None) -> list[str]:
    """`▲ 12 % slower`, `▼ 1.4 points less success`, `▲ $0.12 more spent`; nothing where there was nothing before."""
    if before is None or not before.calls:
        return []
    found = [_slower(now.latency, before.latency), _success(now, before), _spent(now, before)]
    return [words for words in found if words]


def _slower(now: Quantiles, before: Quantiles) -> str:
    if min(now.n, before.n) < ENOUGH or not before.p50 or now.p50 is None:
        return ""
    change = now.p50 / before.p50 - 1
    if abs(change) < _NOTABLE:
        return ""
    return f"▲ {change:.0%} slower".replace("%", " %") if change > 0 else f"▼ {-change:.0%} faster".replace("%", " %")


def _success(now: Figures, before: Figures) -> str:
    """Only where the intervals of both leave room for no other reading."""
    if now.interval is None or before.interval is None or now.success_rate is None or before.success_rate is None:
        return ""
    apart = now.interval[0] > before.interval[1] or now.interval[1] < before.interval[0]
    points = (now.success_rate - before.success_rate) * 100
    if not apart or abs(points) < 0.05:
        return ""
    return f"▲ {points:.1f} points more success" if points > 0 else f"▼ {-points:.1f} points less success"


def _spent(now: Figures, before: Figures) -> str:
    spent, earlier = now.cost_usd, before.cost_usd
    if spent is None or earlier is None or abs(spent - earlier) <= _NOTABLE * max(spent, earlier):
        return ""
    more = spent > earlier
    return f"{'▲' if more else '▼'} {numbers.money(abs(spent - earlier))} {'more' if more else 'less'} spent"
