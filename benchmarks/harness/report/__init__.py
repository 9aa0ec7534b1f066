"""One page of the committed records and their pictures, to be looked at in a browser. A pure
function of the records and of the strips beside them; it needs no server and no network.
"""
