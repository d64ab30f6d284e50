"""`make bench`: what the gateway costs, beside nginx and beside no proxy at all, in the same run. See __main__."""
