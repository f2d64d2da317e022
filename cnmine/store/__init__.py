"""Named arrays of integers in, one file that is complete or absent, checked before use; read-only maps of it out."""
