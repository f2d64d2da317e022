"""Gold and system in, figures out."""
