"""OpenAI's protocol (Chat Completions, models) in front of every provider."""
