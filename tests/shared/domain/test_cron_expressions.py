"""Which texts are cron expressions, and what is said about those that are not."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from shared.domain.cron import MAX_EXPRESSION_LENGTH, InvalidCron, parse_cron
from shared.domain.zones import InvalidZone


@pytest.mark.parametrize(
    ("expression", "normalised"),
    [
        ("* * * * *", "* * * * *"),
        ("  0   9  * * mon-Fri ", "0 9 * * MON-FRI"),
        ("0 30 9 ? jan ?", "0 30 9 ? JAN ?"),
        ("05 00 * * 07", "05 00 * * 07"),
        ("*/60 */24 */31 */12 */7", "*/60 */24 */31 */12 */7"),
        ("0 0 L * *", "0 0 L * *"),
        ("0 0 1,l * *", "0 0 1,L * *"),
        ("0 0 * * fri#2,1#5,L5", "0 0 * * FRI#2,1#5,L5"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 30,31 2,3 *", "0 0 30,31 2,3 *"),
        ("@hourly", "0 * * * *"),
        (" @Daily ", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
    ],
)
def test_an_expression_is_kept_in_upper_case_with_single_spaces(expression: str, normalised: str) -> None:
    assert parse_cron(expression).expression == normalised


def test_crons_are_equal_by_expression_and_zone() -> None:
    assert parse_cron("0 9 * * mon") == parse_cron(" 0 9 * *  MON")
    assert hash(parse_cron("0 9 * * mon")) == hash(parse_cron(" 0 9 * *  MON"))
    assert parse_cron("0 9 * * *") != parse_cron("0 9 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("minutes", "5 * * * *", [5]),
        ("minutes", "*/20 * * * *", [0, 20, 40]),
        ("minutes", "50/5 * * * *", [50, 55]),
        ("minutes", "59/15 * * * *", [59]),
        ("minutes", "10-20/5 * * * *", [10, 15, 20]),
        ("minutes", "1,1,3-5,4-6 * * * *", [1, 3, 4, 5, 6]),
        ("minutes", "58-1 * * * *", [0, 1, 58, 59]),
        ("minutes", "55-10/10 * * * *", [5, 55]),
        ("hours", "0 22-2 * * *", [0, 1, 2, 22, 23]),
        ("months", "0 0 1 nov-feb *", [1, 2, 11, 12]),
        ("seconds", "*/30 * * * * *", [0, 30]),
        ("seconds", "* * * * *", [0]),
    ],
)
def test_a_field_stands_for_its_values(field: str, text: str, values: list[int]) -> None:
    assert list(getattr(parse_cron(text).pattern, field)) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0", [0]),
        ("7", [0]),
        ("sun", [0]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("5-7", [0, 5, 6]),
        ("fri-mon", [0, 1, 5, 6]),
        ("0-7", [0, 1, 2, 3, 4, 5, 6]),
        ("*/2", [0, 2, 4, 6]),
        ("7/2", [0, 2, 4, 6]),
    ],
)
def test_weekdays_count_from_sunday_which_is_0_and_7(text: str, values: list[int]) -> None:
    assert list(parse_cron(f"0 0 * * {text}").pattern.weekdays.values) == values


@pytest.mark.parametrize(
    ("expression", "field", "position"),
    [
        ("60 * * * *", "minute", 1),
        ("* 24 * * *", "hour", 3),
        ("* * 0 * *", "day-of-month", 5),
        ("* * 32 * *", "day-of-month", 5),
        ("* * * 0 *", "month", 7),
        ("* * * 13 *", "month", 7),
        ("* * * * 8", "day-of-week", 9),
        ("60 * * * * *", "second", 1),
        ("0 60 * * * *", "minute", 3),
        ("  0  0,25 * * *", "hour", 8),
        ("*/0 * * * *", "minute", 3),
        ("*/61 * * * *", "minute", 3),
        ("* */25 * * *", "hour", 5),
        ("*/-1 * * * *", "minute", 3),
        ("*/ * * * *", "minute", 3),
        ("*/x * * * *", "minute", 3),
        ("1/2/3 * * * *", "minute", 3),
        ("1-2-3 * * * *", "minute", 1),
        ("1- * * * *", "minute", 3),
        ("-5 * * * *", "minute", 1),
        ("1-70 * * * *", "minute", 3),
        ("5-5 * * * *", "minute", 1),
        ("0 0 * * mon-mon", "day-of-week", 9),
        (", * * * *", "minute", 1),
        ("1,,2 * * * *", "minute", 3),
        ("1, * * * *", "minute", 3),
        ("*,5 * * * *", "minute", 1),
        ("*-5 * * * *", "minute", 1),
        ("** * * * *", "minute", 1),
        ("005 * * * *", "minute", 1),
        ("1.5 * * * *", "minute", 1),
        ("1_0 * * * *", "minute", 1),
        ("+5 * * * *", "minute", 1),
        ("9" * 190 + " * * * *", "minute", 1),
        ("*/" + "9" * 150 + " * * * *", "minute", 3),
        ("H * * * *", "minute", 1),
        ("0 H/2 * * *", "hour", 3),
        ("0 0 * * R", "day-of-week", 9),
        ("h(0-5) * * * *", "minute", 1),
        ("? * * * *", "minute", 1),
        ("* L * * *", "hour", 3),
        ("0 0 L-3 * *", "day-of-month", 5),
        ("0 0 LW * *", "day-of-month", 5),
        ("0 0 15W * *", "day-of-month", 5),
        ("0 0 ?,5 * *", "day-of-month", 5),
        ("0 0 * * L", "day-of-week", 9),
        ("0 0 * * L8", "day-of-week", 10),
        ("0 0 * * 5L", "day-of-week", 9),
        ("0 0 * * 5#0", "day-of-week", 11),
        ("0 0 * * 5#6", "day-of-week", 11),
        ("0 0 * * 5#", "day-of-week", 11),
        ("0 0 * * #1", "day-of-week", 9),
        ("0 0 * * 1,5#2", "day-of-week", 9),
        ("0 0 13 * 5#2", "day-of-week", 10),
        ("0 0 * FOO *", "month", 7),
        ("0 0 * * JAN", "day-of-week", 9),
        ("0 MON * * *", "hour", 3),
        ("0 0 30 2 *", "day-of-month", 5),
        ("0 0 31 2,4,6,9,11 *", "day-of-month", 5),
        ("0 0 31 2 1", "day-of-month", 5),
        ("0 0 0 30 2 *", "day-of-month", 7),
    ],
)
def test_a_fault_is_told_with_its_field_and_its_character(expression: str, field: str, position: int) -> None:
    with pytest.raises(InvalidCron) as refused:
        parse_cron(expression)
    assert refused.value.detail.startswith(f"the {field} field is wrong at character {position}: ")
    assert refused.value.position == position
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(
    ("expression", "said", "position"),
    [
        ("", "there are 0", 1),
        ("    ", "there are 0", 5),
        ("* * * *", "there are 4", 8),
        ("* * * * * * 2026", "there are 7; years are not supported", 13),
        ("* * * * * * * *", "there are 8", 13),
        ("@reboot", "only these are known: @hourly @daily @weekly @monthly @yearly", 1),
        (" @midnight", "only these are known", 2),
        ("@every 5m", "only these are known", 1),
        ("@daily @daily", "only these are known", 1),
        ("@", "only these are known", 1),
        ("* *\t* * *", "character 4", 4),
        ("* * * * *\n", "character 10", 10),
        ("* * * *\0 *", "character 8", 8),
        ("* * * * *\u00a0", "character 10", 10),
        ("١ * * * *", "character 1", 1),
        ("５ * * * *", "character 1", 1),
        ("0 0 * * ﬁ", "character 9", 9),
        ("\ud800 * * * *", "character 1", 1),
        ("9" * 5_000 + " * * * *", "at most 200 characters, not 5,008", 201),
        ("* " * 50_000, "at most 200 characters, not 100,000", 201),
    ],
)
def test_what_is_wrong_with_the_whole_is_told_too(expression: str, said: str, position: int) -> None:
    with pytest.raises(InvalidCron) as refused:
        parse_cron(expression)
    assert said in refused.value.detail
    assert refused.value.position == position


def test_a_wrong_zone_is_told_apart() -> None:
    with pytest.raises(InvalidZone):
        parse_cron("* * * * *", "Mars/Olympus")


@given(some.text(alphabet=string.digits + "*/-,#?@LHRW MONFEBsun", max_size=40) | some.text(max_size=250))
@example("," * 190 + " * * * *")
@example("1-" * 90 + " * * * *")
def test_any_text_is_a_cron_or_refused_in_place(text: str) -> None:
    problem: InvalidCron | None = None
    try:
        parsed = parse_cron(text)
    except InvalidCron as refused:
        problem = refused
    else:
        assert parse_cron(parsed.expression) == parsed
    assert problem is None or 1 <= problem.position <= min(len(text), MAX_EXPRESSION_LENGTH) + 1
