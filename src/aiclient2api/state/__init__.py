"""What outlives a request: client keys, their limits, the usage ledger, prices. Knows no dialect and no provider."""
