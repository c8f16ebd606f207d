"""The frame: page config, look, navigation, the mark of a drill, the budgets. Nothing else."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.components import budget_line, drill

FOLDER = Path(__file__).resolve().parent

st.set_page_config(page_title="Conductor", page_icon=str(FOLDER / "icon.png"), layout="wide")
st.html(FOLDER / "style.css")
st.logo(FOLDER / "logo.svg", size="large")
page = st.navigation(
    [
        st.Page(FOLDER / "app_pages" / "chat.py", title="Chat", icon=":material/chat_bubble:", default=True),
        st.Page(FOLDER / "app_pages" / "compare.py", title="Compare", icon=":material/view_column_2:"),
        st.Page(FOLDER / "app_pages" / "prompt_sets.py", title="Prompt sets", icon=":material/checklist:"),
        st.Page(FOLDER / "app_pages" / "leaderboard.py", title="Leaderboard", icon=":material/leaderboard:"),
        st.Page(FOLDER / "app_pages" / "health.py", title="Health", icon=":material/monitor_heart:"),
        st.Page(FOLDER / "app_pages" / "settings.py", title="Settings", icon=":material/settings:"),
    ]
)
drill.mark()
page.run()
budget_line.draw()
