"""The one exception that a user is meant to read, and where it stands among others."""


class UserError(ValueError):
    """What the user typed or supplied is wrong, in one sentence that the command line prints."""


def cause(error: BaseException) -> BaseException:
    """What went wrong first, up to the sentence that a user is meant to read."""
    while error.__cause__ is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error
