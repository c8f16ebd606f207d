"""What things cost here, as ratios from one run. `make bench` runs every script; none of this is a test."""
