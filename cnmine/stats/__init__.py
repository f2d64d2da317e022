"""Table of n-grams in; association, entropy and extension statistics out, one array aligned with its rows each."""
