"""Tables of results: a pure function of the committed records."""
