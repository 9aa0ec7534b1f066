"""What a run says of its result, on the standard output; progress and warnings go to the error."""

from rich.console import Console

console = Console(markup=False, highlight=False)  # file names may look like markup
