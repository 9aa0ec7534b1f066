"""What is made once and shipped: perception networks of ParaFaces, encoders, codes, stage II.
The files lie in ``core/assets``; the commands that make them are the only ones that write there.
"""
