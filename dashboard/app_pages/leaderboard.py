"""Leaderboard: which model answers best, by the votes cast on Compare."""

from __future__ import annotations

import streamlit as st

from dashboard.components import leaderboard

with st.container(key="leaderboard-head", horizontal=True, vertical_alignment="center"):
    st.header("Leaderboard", anchor=False)
    leaderboard.auto_switch()

board = leaderboard.chosen()
if not leaderboard.any_vote(board):
    leaderboard.nothing_yet()
else:
    leaderboard.summary(board)
    if board.places:
        leaderboard.ranking(board)
        leaderboard.charts(board)
