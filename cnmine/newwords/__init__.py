"""A corpus in, ranked words out."""
