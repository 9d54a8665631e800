"""Text to JMESPath syntax tree, with every fault of the text told by its position."""

from typing import Any, Final

from jmespath import lexer, parser
from jmespath.exceptions import (
    IncompleteExpressionError,
    LexerError,
    ParseError,
)
from jmespath.functions import Functions

from shared.domain.json_text import parse
from shared.domain.json_value import InvalidJson

MAX_LENGTH: Final = 1_000
MAX_LITERAL_INTEGER: Final = 2**64
MAX_DEPTH: Final = 64  # the interpreter takes up to six stack frames a level


class InvalidExpression(ValueError):
    """The text is no JMESPath expression."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def parse_expression(text: str) -> dict[str, Any]:
    """The syntax tree of an expression of at most MAX_LENGTH characters, nested at most MAX_DEPTH deep.

    Raises InvalidExpression.
    """
    if not text or text.isspace():
        raise InvalidExpression("the expression is empty; expected JMESPath")
    if len(text) > MAX_LENGTH:
        raise InvalidExpression(f"the expression has more than {MAX_LENGTH} characters")
    try:
        tree: dict[str, Any] = _Parser().parse(text)
    except IncompleteExpressionError:
        raise InvalidExpression(f"the expression ends too early, at character {len(text) + 1}") from None
    except LexerError as fault:
        raise InvalidExpression(f"{fault.message} at character {fault.lexer_position + 1}") from None
    except ParseError as fault:
        where = f"at character {fault.lex_position + 1}, near '{str(fault.token_value)[:50]}'"
        raise InvalidExpression(f"not JMESPath: {fault.msg} {where}") from None
    except RecursionError:
        raise InvalidExpression(_TOO_DEEP) from None
    except (ValueError, LookupError, TypeError):  # what the parser stumbles over in some malformed texts
        raise InvalidExpression("not JMESPath") from None
    _check_tree(tree)
    return tree


_TOO_DEEP: Final = f"the expression is nested more than {MAX_DEPTH} deep"


def _check_tree(root: dict[str, Any]) -> None:
    """Refuse what would only fail once there is a value: depth, unknown functions, steps of zero."""
    pending = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise InvalidExpression(_TOO_DEEP)
        if node["type"] == "slice":
            if node["children"][2] == 0:
                raise InvalidExpression("the step of a slice must not be 0")
            continue  # its children are numbers
        if node["type"] == "function_expression":
            _check_call(node["value"], len(node["children"]))
        pending += [(child, depth + 1) for child in node["children"]]


def _check_call(name: str, given: int) -> None:
    if name not in Functions.FUNCTION_TABLE:
        raise InvalidExpression(f"there is no function {name[:50]}()")
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    if given < len(signature) or (given > len(signature) and not signature[-1].get("variadic")):
        raise InvalidExpression(f"{name}() takes {len(signature)} arguments, and is given {given}")


class _Lexer(lexer.Lexer):  # type: ignore[misc]  # an untyped base
    """Reads literals with the guarded parser; the deprecated bare-word literals, which warn, are refused."""

    def _consume_literal(self) -> dict[str, Any]:
        start = self._position
        text = self._consume_until("`").replace("\\`", "`")
        try:
            value = parse(text, max_integer=MAX_LITERAL_INTEGER)
        except InvalidJson as fault:
            raise LexerError(start, text, f"between backticks stands JSON ({fault.detail})") from None
        return {"type": "literal", "value": value, "start": start, "end": self._position - start}


class _Parser(parser.Parser):  # type: ignore[misc]  # an untyped base
    """Without the class-wide cache, which every caller would share and fill."""

    def parse(self, expression: str) -> Any:
        self._tokens = list(_Lexer().tokenize(expression))
        self._index = 0
        tree = self._expression(binding_power=0)
        if self._current_token() != "eof":
            self._raise_parse_error_for_token(self._lookahead_token(0), "unexpected token")
        return tree
