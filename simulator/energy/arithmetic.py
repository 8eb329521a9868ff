"""Arithmetic in data files: a formula over named numbers, and texts that show such numbers."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

LONGEST = 1000  # characters of a formula


def evaluate(formula: str, names: Mapping[str, float]) -> float:
    """Value of ``formula``: numbers, names (with dots), ``+ - * / **`` and parentheses.

    Raises
    ------
    ValueError
        With ``found ..., expected ...`` for anything else, for a name that is not known, and for a division by zero.
    """
    if len(formula) > LONGEST:  # the parser of Python ends the process where parentheses are nested deeply
        raise ValueError(f"found a formula of {len(formula)} characters, limit {LONGEST}")
    try:
        value = _value(ast.parse(formula, mode="eval").body, names)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"found '{formula}', expected a formula such as 2 * price.synop") from None
    except (ZeroDivisionError, OverflowError, TypeError) as error:  # TypeError: the root of a negative number
        raise ValueError(f"found '{formula}', expected a finite number: {error}") from None
    if not math.isfinite(value):
        raise ValueError(f"found '{formula}', expected a finite number: found {value}")
    return value


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, names)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return float(_BINARY[type(node.op)](_value(node.left, names), _value(node.right, names)))
    name = ast.unparse(node)
    if name in names:
        return float(names[name])
    raise ValueError(f"found '{name}', expected a number or one of {', '.join(names)}")
