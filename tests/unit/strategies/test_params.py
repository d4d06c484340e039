import pytest

from engine.errors import StrategyError
from engine.strategies.params import (
    BoolParam,
    ChoiceParam,
    FloatParam,
    IntParam,
    params_of,
    set_params,
)


class Owner:
    count = IntParam(12, minimum=2, maximum=200, help="Bars.")
    ratio = FloatParam(0.5, minimum=0, maximum=1)
    short = BoolParam(False)
    mode = ChoiceParam("fast", choices=("fast", "slow"), help="Pace")


def owner(**values: object) -> Owner:
    made = Owner()
    set_params(made, values)
    return made


def test_defaults_hold_where_nothing_is_given() -> None:
    made = owner()
    assert (made.count, made.ratio, made.short, made.mode) == (12, 0.5, False, "fast")


def test_text_as_a_person_types_it_is_read() -> None:
    made = owner(count="30", ratio="0.25", short="yes", mode="slow")
    assert (made.count, made.ratio, made.short, made.mode) == (30, 0.25, True, "slow")


def test_both_bounds_are_included() -> None:
    assert owner(count=2).count == 2
    assert owner(count=200).count == 200


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("count", 1, "a whole number from 2 to 200"),
        ("count", 201, "a whole number from 2 to 200"),
        ("count", 2.5, "a whole number"),
        ("count", "many", "a whole number"),
        ("count", True, "a whole number"),
        ("count", None, "a whole number"),
        ("ratio", 1.1, "a number from 0 to 1"),
        ("ratio", "nan", "a number from 0 to 1"),
        ("ratio", float("inf"), "a number from 0 to 1"),
        ("ratio", "half", "a number"),
        ("short", "maybe", "true or false"),
        ("short", 1, "true or false"),
        ("mode", "medium", "one of fast, slow"),
    ],
)
def test_a_bad_value_names_parameter_value_and_bounds(
    name: str, value: object, accepted: str
) -> None:
    with pytest.raises(StrategyError) as caught:
        owner(**{name: value})
    text = str(caught.value)
    assert text.startswith(f"parameter {name}: {value!r} is not accepted; use ")
    assert accepted in text


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StrategyError, match="no parameter 'speed'; it has: count, ratio"):
        owner(speed=1)


def test_a_default_out_of_its_own_bounds_fails_where_it_is_written() -> None:
    with pytest.raises((StrategyError, RuntimeError)):

        class Wrong:
            count = IntParam(1, minimum=2, maximum=200)


def test_a_subclass_inherits_replaces_and_fixes_parameters() -> None:
    class Child(Owner):
        ratio = FloatParam(0.1, minimum=0, maximum=0.2)
        short = True
        extra = IntParam(1, minimum=1, maximum=2)

    assert list(params_of(Child)) == ["count", "ratio", "mode", "extra"]
    assert params_of(Child)["ratio"].bounds() == (0.0, 0.2)


def test_views_carry_type_bounds_and_help() -> None:
    view = params_of(Owner)["count"].view()
    assert (view.name, view.type, view.default) == ("count", "int", 12)
    assert (view.minimum, view.maximum, view.help) == (2, 200, "Bars.")
    assert params_of(Owner)["mode"].view().help == "Pace (one of fast, slow)"
