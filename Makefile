# Two commands:  make demo  restores a picture;  make test  passes the tests. Both set everything up first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint clean

# Else each of the many processes that tests start compiles the sources anew.
unexport PYTHONDONTWRITEBYTECODE

demo: .venv/demo.done
	mkdir -p out
	$(BIN)/pixmend restore examples/sign.png out/sign_x2.png --scale 2 --compare --force

test: .venv/dev.done
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:
	rm -rf .venv out .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The stamps make second runs quick; a change of the dependencies installs again.
.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/dev.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ .venv/demo.done
