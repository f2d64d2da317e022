"""Chinese text mining: new-word discovery over exact n-gram statistics."""

__version__ = "0.1.0"
