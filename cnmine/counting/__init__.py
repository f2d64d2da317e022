"""Unit ids in, exact n-gram counts and neighbour statistics out."""
