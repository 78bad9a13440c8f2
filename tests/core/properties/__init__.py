"""Properties: the guarantees in their own words, tried on whatever Hypothesis thinks of."""
