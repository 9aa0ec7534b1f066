"""What a run is for a sweep, without the run: it locks its folder, takes a while, puts its record.

Words: the folder, the record to write, where it belongs, seconds, what becomes of it, ``existing``.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

folder, template, published, seconds, fate, existing = sys.argv[1:]
place = Path(folder)
place.mkdir(parents=True, exist_ok=True)
while True:  # as locks.alone does it, without the packages that would make this slow to start
    descriptor = os.open(place / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(75)  # as locks.Busy has it
    if os.fstat(descriptor).st_nlink:  # else who had it before took the file away
        break
if existing == "existing=skip" and Path(published).exists():
    sys.exit(0)
with (place / "begun").open("a") as file:
    file.write(f"{os.getpid()}\n")
time.sleep(float(seconds))
if fate == "refuse":
    sys.exit("styleshift: this cannot be run.")
part = Path(f"{published}.part")
part.parent.mkdir(parents=True, exist_ok=True)
part.write_bytes(Path(template).read_bytes())
part.replace(published)
with (place / "written").open("a") as file:
    file.write(f"{os.getpid()}\n")
