"""Conductor's core: providers, routing, turns, metrics and store. Pure Python; it never imports Streamlit."""
