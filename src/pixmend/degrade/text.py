"""Chains as text: ``bicubic(scale=4), gaussian_noise(sigma=10), jpeg(quality=40)``.

The text looks like Python and is never run: it is parsed to a tree, of which only calls by the names below, with
plain values, are taken.
"""

import ast
import json
import keyword
from dataclasses import MISSING, fields
from typing import Any, NoReturn

from pixmend.config import from_plain
from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.bsrgan import BSRGAN
from pixmend.degrade.chain import Chain, Choice, Degradation
from pixmend.degrade.interpolate import ResizeTo, TorchResize
from pixmend.degrade.jpeg import JPEG
from pixmend.degrade.kernels import Decimate, EllipticBlur, Sinc
from pixmend.degrade.noise import ColourNoise, GaussianNoise, PoissonNoise
from pixmend.degrade.rain import RAIN_HEAVY, RAIN_LIGHT, RainStreaks
from pixmend.degrade.real_esrgan import RealESRGAN
from pixmend.degrade.resize import Bicubic, Round8
from pixmend.degrade.sharpen import Sharpen
from pixmend.errors import PixmendError, nearest

_KINDS: dict[str, Any] = {
    "bicubic": Bicubic,
    "round8": Round8,
    "torch_resize": TorchResize,
    "resize_to": ResizeTo,
    "decimate": Decimate,
    "gaussian_blur": GaussianBlur,
    "elliptic_blur": EllipticBlur,
    "sinc": Sinc,
    "sharpen": Sharpen,
    "gaussian_noise": GaussianNoise,
    "colour_noise": ColourNoise,
    "poisson_noise": PoissonNoise,
    "jpeg": JPEG,
    "rain_streaks": RainStreaks,
    "real_esrgan": RealESRGAN,
    "bsrgan": BSRGAN,
}
_PRESETS = {"rain_light": RAIN_LIGHT, "rain_heavy": RAIN_HEAVY}
_NAMES = {kind: name for name, kind in _KINDS.items()} | {preset: name for name, preset in _PRESETS.items()}
_LONGEST = 10_000


def parse_chain(text: str) -> Chain:
    """The chain of ``name(field=value, ...), ...``; names are those of the classes, in small letters.

    ``rain_light`` and ``rain_heavy`` are whole presets, ``choice(a(...) | b(...), weights=(1, 3))`` picks one and
    ``chain(a(...), b(...))`` makes one step of several. Empty brackets and the quotes of plain words may be left out.

    Raises:
        PixmendError: no such text, an unknown name or field (the nearest is named), or a wrong value.
    """
    text = " ".join(text.split())
    if not text or len(text) > _LONGEST:
        raise PixmendError(f"chain: expected 1 to {_LONGEST} characters such as jpeg(quality=40), got {len(text)}")
    try:
        tree = ast.parse(text, mode="eval").body
        return Chain(*map(_step, tree.elts if isinstance(tree, ast.Tuple) else [tree]))
    except SyntaxError as error:
        near = text[max((error.offset or 1) - 1, 0) :][:20] or "its end"
        raise PixmendError(f"chain: {error.msg} at {near!r}: expected name(field=value, ...), ...") from error
    except (ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, PixmendError):
            raise
        raise PixmendError("chain: too deeply nested, or not text: expected name(field=value, ...), ...") from error


def chain_text(degradation: Degradation) -> str:
    """The text that ``parse_chain`` makes an equal chain of, every field named."""
    return ", ".join(map(_text, degradation.steps if isinstance(degradation, Chain) else (degradation,)))


def _step(node: ast.expr) -> Degradation:
    called = node.func if isinstance(node, ast.Call) else node
    if not isinstance(called, ast.Name):
        _refuse("chain", "a step such as jpeg(quality=40)", node)
    name = called.id
    arguments, keywords = (node.args, node.keywords) if isinstance(node, ast.Call) else ([], [])
    if name == "choice":
        return _choice(arguments, _values(name, keywords))
    if name == "chain":
        if keywords:
            _refuse(name, "steps only", keywords[0].value)
        return Chain(*map(_step, arguments))
    if arguments:
        _refuse(name, "FIELD=VALUE", arguments[0])
    if name in _PRESETS:
        if keywords:
            _refuse(name, "no fields (rain_streaks has them)", keywords[0].value)
        return _PRESETS[name]
    if name not in _KINDS:
        raise PixmendError(f"chain: no step is called {name!r}: {nearest(name, _all_names())}")
    return _made(name, _values(name, keywords))


def _made(name: str, values: dict[str, object]) -> Degradation:
    step = _KINDS[name]
    missing = [field.name for field in fields(step) if field.default is MISSING and field.name not in values]
    if missing and set(values) <= {field.name for field in fields(step)}:
        raise PixmendError(f"{name}: needs {' and '.join(missing)}")
    return from_plain(step, values, where=name)


def _choice(arguments: list[ast.expr], values: dict[str, Any]) -> Choice:
    options: list[ast.expr] = []
    for argument in arguments:
        if options:
            _refuse("choice", "options divided by |", argument)
        while isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.BitOr):
            options.insert(0, argument.right)
            argument = argument.left
        options.insert(0, argument)
    for name in values:
        if name != "weights":
            raise PixmendError(f"choice.{name}: there is only weights=(1, 3, ...), one for each option")
    weights = values.get("weights")
    if weights is not None and not (
        isinstance(weights, tuple | list) and all(type(weight) in (int, float) for weight in weights)
    ):
        raise PixmendError(f"choice.weights: expected numbers in brackets, such as (1, 3), got {weights!r}")
    return Choice(*map(_step, options), weights=weights)


def _values(name: str, keywords: list[ast.keyword]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for keyword_ in keywords:
        field = keyword_.arg
        if field is None or field in values:
            _refuse(name, "every FIELD=VALUE once", keyword_.value)
        if isinstance(keyword_.value, ast.Name):
            values[field] = keyword_.value.id
            continue
        try:
            values[field] = ast.literal_eval(keyword_.value)
        except (ValueError, TypeError):
            _refuse(f"{name}.{field}", "a plain value", keyword_.value)
    return values


def _refuse(where: str, expected: str, node: ast.expr) -> NoReturn:
    raise PixmendError(f"{where}: expected {expected}, got {ast.unparse(node)!r}")


def _all_names() -> list[str]:
    return [*_KINDS, *_PRESETS, "choice", "chain"]


def _text(step: Degradation) -> str:
    if isinstance(step, Chain):
        return f"chain({chain_text(step)})"
    if isinstance(step, Choice):
        weights = "" if step.weights is None else f", weights={_value_text(step.weights)}"
        return f"choice({' | '.join(map(_text, step.options))}{weights})"
    if step in _NAMES:
        return f"{_NAMES[step]}()"
    values = (f"{field.name}={_value_text(getattr(step, field.name))}" for field in fields(step))
    return f"{_NAMES[type(step)]}({', '.join(values)})"


def _value_text(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_value_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, str):
        return value if value.isidentifier() and not keyword.iskeyword(value) else json.dumps(value)
    return repr(value)
