"""The table of calls: every chart and card leads to these rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING

import streamlit as st

from conductor_core.kinds import CostKind, Outcome
from conductor_core.metrics.words import error_words
from dashboard.components import numbers

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 100


def call_table(calls: pd.DataFrame, zone: tzinfo, name_of: Callable[[str], str], key: str) -> None:
    """Draws the newest calls of a frame of `metrics.frames`, newest first."""
    st.dataframe(
        table(calls, zone, name_of),
        hide_index=True,
        placeholder=numbers.MISSING,
        key=key,
        column_config={
            "When": st.column_config.DatetimeColumn(format="MMM D, HH:mm:ss", width=130),
            "First token": st.column_config.NumberColumn(format="%.2f s", width=90),
            "Latency": st.column_config.NumberColumn(format="%.2f s", width=90),
            "In": st.column_config.NumberColumn(width=60),
            "Out": st.column_config.NumberColumn(width=60),
            "Error": st.column_config.TextColumn(width="large"),
        },
    )


def table(calls: pd.DataFrame, zone: tzinfo, name_of: Callable[[str], str]) -> pd.DataFrame:
    """The newest calls as people read them; times by the reader's clock, numbers left sortable."""
    import pandas as pd

    newest = calls.tail(SHOWN).iloc[::-1]
    return pd.DataFrame(
        {
            "When": pd.to_datetime(newest["started_at"], unit="ms", utc=True).dt.tz_convert(zone).dt.tz_localize(None),
            "Provider": newest["provider"].map(name_of),
            "Model": newest["model"],
            "Outcome": [_outcome(*end) for end in zip(newest["outcome"], newest["http_status"], strict=True)],
            "First token": newest["ttft_ms"] / 1000,
            "Latency": newest["latency_ms"] / 1000,
            "In": newest["prompt_tokens"],
            "Out": newest["completion_tokens"],
            "Cost": [_money(*cost) for cost in zip(newest["cost_usd"], newest["cost_kind"], strict=True)],
            "From": newest["source"],
            "Error": newest["error"].fillna(""),
        }
    )


def _outcome(outcome: str, http_status: float) -> str:
    return error_words(Outcome(outcome), None if http_status != http_status else int(http_status))


def _money(usd: float, kind: str) -> str:
    return numbers.money(None if usd != usd else usd, CostKind(kind))
