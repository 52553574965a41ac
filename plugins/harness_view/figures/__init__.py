"""What many runs say together: ranks, changes in time, quality against its price."""
