PYTHON ?= python3
RUN := .venv/bin/python


demo: .venv/ready
	$(RUN) -m benchmarks.run

test: .venv/ready
	$(RUN) -m pytest -n auto

check: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(MAKE) test


.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[dev]'
	touch $@
