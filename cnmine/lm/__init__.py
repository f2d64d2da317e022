"""Sorted windows of a corpus → modified Kneser–Ney language model in a file → log probabilities of text."""
