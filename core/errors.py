"""The one exception that a user is meant to read."""


class UserError(ValueError):
    """Something the user typed or supplied is wrong; the message is one clear sentence, which the
    command line prints on standard error, with status 2.
    """
