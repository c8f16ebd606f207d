"""`python -m dashboard` serves Conductor."""

from dashboard.launch import main

if __name__ == "__main__":
    main()
