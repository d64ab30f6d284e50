"""Scripts that check and measure the project; `make` runs them."""
