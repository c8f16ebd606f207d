"""Prompt sets: many prompts over chosen lanes, checked, and taken up again after whatever happened."""
