import subprocess
import sys

import pytest

import pixmend


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_is_there():
    assert sorted(pixmend.__all__) == sorted(set(pixmend.__all__))
    for name in pixmend.__all__:
        assert getattr(pixmend, name) is not None


def test_the_public_names_are_these():
    """A name that goes missing breaks somebody's script: change this list only with the changelog."""
    assert set(pixmend.__all__) == {
        *("Pipeline", "PixmendError", "create", "load", "override", "read_image", "write_image", "__version__"),
        *("analyze", "data", "degrade", "evaluate", "metrics", "models", "recipes", "train", "weights"),
    }


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'pixmend' has no attribute 'restaurant'"):
        _ = pixmend.restaurant


def test_importing_pixmend_does_not_import_torch():
    assert python("import sys, pixmend; print('torch' in sys.modules)") == "False\n"


def test_asking_for_help_does_not_import_torch():
    code = "import sys; from pixmend.cli import run; code = run(['--help']); print(code, 'torch' in sys.modules)"
    assert python(code).splitlines()[-1] == "0 False"


def test_restoring_and_training_need_no_pydantic():
    """Machines with an older set of packages run the networks; only text configuration needs pydantic."""
    code = (
        "import sys; sys.modules['pydantic'] = None\n"
        "import pixmend as pm\n"
        "pm.create('edt_p'), pm.train.fit, pm.recipes.find('default'), pm.Pipeline, pm.evaluate.measure\n"
    )
    python(code)


def test_heavy_modules_are_imported_only_when_used():
    code = (
        "import sys, pixmend as pm\n[getattr(pm, name) for name in pm.__all__]\n"
        "print({'accelerate', 'matplotlib', 'pydantic'} & {*sys.modules})"
    )
    assert python(code) == "set()\n"


def test_no_module_that_a_command_imports_takes_the_place_of_a_function():
    code = (
        "import pkgutil, importlib, pixmend.weights as weights\n"
        "for m in pkgutil.iter_modules(weights.__path__): importlib.import_module('pixmend.weights.' + m.name)\n"
        "print([name for name in weights.__all__ if type(getattr(weights, name)).__name__ == 'module'])\n"
    )
    assert python(code) == "[]\n"
