"""The one exception that a user is meant to read."""


class UserError(ValueError):
    """What the user typed or supplied is wrong, in one sentence that the command line prints."""
