"""Conductor's core: providers, routing, turns, metrics and store. Pure Python; it never imports Streamlit."""

VERSION = "0.1.0"
