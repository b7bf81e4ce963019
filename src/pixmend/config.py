"""Text to frozen dataclasses and back: ``--set`` options and run.json files.

The dataclasses stay plain; pydantic reads single values by their annotated type, here and nowhere else.
"""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pixmend.errors import PixmendError, nearest

T = TypeVar("T")


def override(config: T, *assignments: str) -> T:
    """A copy with fields set from text: ``override(run, "optim.lr=1e-4", "steps=1000")``.

    Raises:
        PixmendError: no ``=``, an unknown field (the nearest is named), or a value of the wrong type.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise PixmendError(f"{assignment!r}: expected FIELD=VALUE, such as steps=1000")
        config = _set(config, path.strip().split("."), text.strip(), path.strip())
    return config


def to_plain(config: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON has them; where a field may be one of several dataclasses, its ``kind`` too."""
    hints = get_type_hints(type(config))
    return {field.name: _plain(getattr(config, field.name), hints[field.name]) for field in fields(config)}


def _plain(value: Any, hint: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kind = {"kind": type(value).__name__} if len(_kinds(hint)) > 1 else {}
        return kind | to_plain(value)
    if isinstance(value, tuple):
        inner = get_args(hint)[0] if get_args(hint) else object
        return [_plain(part, inner) for part in value]
    return value


def _kinds(hint: Any) -> list[type]:
    """The dataclasses that a field may be."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return [member for member in members if is_dataclass(member) and isinstance(member, type)]


def from_plain(kind: type[T], plain: object, *, where: str) -> T:
    """The dataclass that ``to_plain`` and JSON made ``plain`` of; ``where`` names the file in errors.

    A field that may be one of several dataclasses becomes its ``kind``, or without one that with these field names.

    Raises:
        PixmendError: a field too many or missing, or a value of the wrong type, with its path.
    """
    if not isinstance(plain, Mapping):
        raise PixmendError(f"{where}: expected the fields of {kind.__name__}, got {type(plain).__name__}")
    hints = get_type_hints(kind)
    for name in plain:
        _check_field(kind, str(name), f"{where}.{name}")
    values = {name: _value(hints[name], value, f"{where}.{name}") for name, value in plain.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise PixmendError(f"{where}: {error}") from error


def _set(config: Any, path: list[str], text: str, whole: str) -> Any:
    if not is_dataclass(config) or isinstance(config, type):
        raise PixmendError(f"{whole}: {type(config).__name__} has no fields to set")
    name, *rest = path
    _check_field(type(config), name, whole)
    if rest:
        return replace(config, **{name: _set(getattr(config, name), rest, text, whole)})
    return replace(config, **{name: _parse(get_type_hints(type(config))[name], text, whole)})


def _check_field(kind: type, name: str, where: str) -> None:
    names = [field.name for field in fields(kind)]  # pyright: ignore[reportArgumentType]
    if name not in names:
        hint = nearest(name, names) if names else "it has none"
        raise PixmendError(f"{where}: {kind.__name__} has no field {name!r}: {hint}")


def _value(hint: Any, value: object, where: str) -> object:
    """A plain value as its annotated type; nested dataclasses by their kind or field names."""
    kinds = _kinds(hint)
    if kinds and isinstance(value, Mapping):
        named = value.get("kind") if len(kinds) > 1 else None
        value = {name: part for name, part in value.items() if name != "kind"} if named else value
        fitting = [kind for kind in kinds if kind.__name__ == named]
        if named and not fitting:
            raise PixmendError(f"{where}.kind: {nearest(str(named), [kind.__name__ for kind in kinds])}, got {named!r}")
        fitting = fitting or [kind for kind in kinds if set(value) == {field.name for field in fields(kind)}] or kinds
        return from_plain(fitting[0], value, where=where)
    if get_origin(hint) is tuple and isinstance(value, list) and _kinds(get_args(hint)[0]):
        return tuple(_value(get_args(hint)[0], part, f"{where}.{place}") for place, part in enumerate(value))
    return _convert(hint, value, where)


def _parse(hint: Any, text: str, where: str) -> object:
    """Text as its annotated type: comma-separated where that is a tuple."""
    if text.lower() == "none":
        return _convert(hint, None, where)
    kinds = {kind.__name__: kind for kind in _kinds(hint)}
    if text in kinds:
        return _of_defaults(kinds[text], where)
    if kinds and text.lower() != "none":
        raise PixmendError(f"{where}: {nearest(text, list(kinds))}, got {text!r}")
    if get_origin(hint) is tuple:
        return _convert(hint, tuple(part.strip() for part in text.split(",") if part.strip()), where)
    return _convert(hint, text, where)


def _of_defaults(kind: type, where: str) -> object:
    """One of several dataclasses, chosen by its name."""
    try:
        return kind()
    except TypeError as error:
        raise PixmendError(f"{where}: {kind.__name__} has fields without a default, which text cannot give") from error


def _convert(hint: Any, value: object, where: str) -> object:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        raise PixmendError(f"{where}: {error.errors()[0]['msg']}, got {value!r}") from error
