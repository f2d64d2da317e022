"""Count arrays in, association and branching statistics out."""
