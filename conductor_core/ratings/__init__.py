"""Which model answers best, from votes: strengths by Bradley and Terry, with intervals. numpy and scipy load here."""
