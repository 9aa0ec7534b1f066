"""Many runs: which are missing, one process each, any number of sweeps on one folder at once."""
