"""What the user chose: typed settings, from flags, environment and file, each value with its source."""
