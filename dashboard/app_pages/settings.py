"""To come."""

import streamlit as st

st.header("settings")
