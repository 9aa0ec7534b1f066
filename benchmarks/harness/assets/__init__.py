"""What is trained once and shipped: perception networks of ParaFaces, and how well they see.

The files lie in ``core/assets``; the commands that make them are the only ones that write there.
"""
