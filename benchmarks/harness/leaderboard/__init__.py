"""Tables of results: a pure function of the committed records. Records are selected, averaged over
seeds, compared within one protocol, and printed in several forms. Nothing is measured here, and no
network is imported.
"""
