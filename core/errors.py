"""The one exception that a user is meant to read."""


class UserError(ValueError):
    """Something the user typed or supplied is wrong; the message is one clear sentence. The command
    line prints the message on standard error and exits with status 2.
    """
