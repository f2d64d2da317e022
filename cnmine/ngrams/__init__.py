"""Sources or stores → a store of exact n-gram counts; stores → counts, neighbours, lists and scans of n-grams."""
