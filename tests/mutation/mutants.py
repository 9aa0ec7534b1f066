"""Small faults, one each: which places of a file can be wrong, and how."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
SIGNS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Pow: "*"}
TYPED = ("annotation", "returns", "bases", "decorator_list")  # types and decorators stay


class Mutant(NamedTuple):
    """A piece of a file's text and what stands there instead."""

    file: str
    line: int
    begin: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """The file's text with the fault."""
        return source[: self.begin] + self.text + source[self.end :]


def mutants(root: Path, file: str) -> list[Mutant]:
    """All of a file."""
    source = (root / file).read_text(encoding="utf-8")
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        text = source[starts[line - 1] : starts[line]]
        return starts[line - 1] + len(text.encode()[:column].decode())

    def replaced(first: ast.AST, begin: tuple[int, int], end: tuple[int, int], text: str) -> Mutant:
        return Mutant(file, first.lineno, at(*begin), at(*end), text)  # type: ignore[attr-defined]

    def whole(node: ast.AST, text: str) -> Mutant:
        n: ast.expr = node  # type: ignore[assignment]
        assert n.end_lineno is not None
        assert n.end_col_offset is not None
        return replaced(n, (n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset), text)

    def between(node: ast.AST, left: ast.expr, right: ast.expr, text: str) -> Mutant:
        assert left.end_lineno is not None
        assert left.end_col_offset is not None
        begin, end = (left.end_lineno, left.end_col_offset), (right.lineno, right.col_offset)
        gap = source[at(*begin) : at(*end)]
        # Brackets around the operands belong to the gap, and stay.
        closing = gap[: len(gap) - len(gap.lstrip(") \n\t"))].rstrip(" ")
        opening = gap.rstrip()[len(gap.rstrip(" (\n\t")) :] if gap.rstrip().endswith("(") else ""
        return replaced(node, begin, end, f"{closing} {text} {opening}")

    def of(node: ast.AST) -> Iterator[Mutant]:
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                yield between(node, left, right, COMPARISONS[type(operator)])
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in SIGNS:
                if not any(_is_text(side) for side in (left, right)):
                    yield between(node, left, right, SIGNS[type(operator)])
            case ast.BoolOp(op=operator, values=[left, right]):
                yield between(node, left, right, "or" if isinstance(operator, ast.And) else "and")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield whole(node, f"bool({ast.unparse(operand)})")
            case ast.Constant(value=bool(value)):
                yield whole(node, str(not value))
            case ast.Constant(value=int(value)):
                yield whole(node, str(value + 1))
            case ast.Constant(value=float(value)):
                yield whole(node, repr(value * 1.5 if value else 0.5))
            case ast.Expr(value=ast.Call()):
                yield whole(node, "None")
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                yield whole(value, "None")
            case ast.IfExp(test=test) | ast.If(test=test):
                yield whole(test, f"not ({ast.unparse(test)})")

    return [mutant for node in _walked(ast.parse(source)) for mutant in of(node)]


def _walked(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that decide something at run time."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in TYPED:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walked(child)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
