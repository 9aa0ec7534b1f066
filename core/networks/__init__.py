"""Networks, each rebuilt from its ``config``, and what exchanges their rows."""
