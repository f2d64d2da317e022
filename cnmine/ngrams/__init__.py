"""Sources or stores in, a store of exact n-gram counts out: sorted spans, their sorted windows, lookup in them."""
