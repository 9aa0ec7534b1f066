"""What a run says of its result, on the standard output; progress and warnings go to the error."""

from core.progress import ShownConsole

console = ShownConsole(markup=False, highlight=False)  # file names may look like markup
