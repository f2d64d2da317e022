"""Bytes in, arrays of unit ids out; rows out to files and pipes."""
