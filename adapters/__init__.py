"""Methods, one file each: a LightningModule that adapts a source generator to a few pictures.
`base` is the contract, `adversarial` the step that most of them share, `finetune` its plainest use.
A method imports `core` and other methods; one yaml of ``conf/method`` names it, nobody imports it.
"""
