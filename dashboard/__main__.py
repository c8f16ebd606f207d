"""`python -m dashboard` serves Conductor."""

import gc

# What is being loaded stays: walking it again and again is a tenth of the start. The server turns this on again.
gc.disable()

from dashboard.launch import main  # noqa: E402 - loading it is part of what is spared

if __name__ == "__main__":
    main()
