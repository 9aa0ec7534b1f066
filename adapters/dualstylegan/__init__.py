"""DualStyleGAN (arXiv:2203.13248): the one method that needs a folder.
`adapter` trains stages III and IV, `pretraining` stage II and the generator that destylisation
needs, `destylisation` finds the face behind a picture, `losses` compares styles, `cache` keeps what
is made once for a source.
"""
