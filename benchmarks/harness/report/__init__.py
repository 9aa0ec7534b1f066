"""One page of the committed records and their pictures, to be looked at in a browser."""
