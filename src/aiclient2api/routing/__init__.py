"""Which model, which provider, which attempt next. Pure."""
