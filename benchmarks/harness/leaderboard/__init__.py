"""Tables of results: a pure function of the committed records. Records are selected, averaged over
seeds, compared within one protocol and printed. Nothing is measured, no network is imported.
"""
