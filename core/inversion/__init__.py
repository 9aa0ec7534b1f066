"""Photos to what a generator makes them of: functions of the photos and of seeds, so every method
gets the same codes.
"""
