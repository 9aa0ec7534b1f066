"""One run as one JSON file: its name and place, what it holds, and which runs may be compared.
`run_id` says where a run belongs, `record` what a sound record is, `protocol` what a number rests
on, `results` writes what a run leaves. Reading records needs no torch and no configuration.
"""
