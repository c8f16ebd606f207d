"""The pages. Draws, and hands what the user did to `conductor_core`; the core never imports from here."""
