"""`DISTANCE(Office__c, GEOLOCATION(51.5, -0.12), 'km')`: how far a record's place is from another
one (SOQL and SOSL Reference, "Location-Based SOQL Queries").
"""

import math
from typing import NamedTuple

from sandbox.org.soql.entities import COMPOUNDS
from sandbox.org.soql.errors import PlacedSoqlError
from sandbox.org.soql.literals import string_value
from sandbox.org.soql.nodes import Expression, FieldPath, FunctionCall, Literal, LiteralKind
from sandbox.org.soql.scope import Scope

DISTANCE, GEOLOCATION = "DISTANCE", "GEOLOCATION"
OPERATORS = ("<", ">")
"""A distance is within or beyond a radius, and compared in no other way."""
GREAT_CIRCLE = "great_circle"
"""The SQL function of four degrees and a unit."""
_EARTH_KILOMETRES = 6371.0088
_KILOMETRES = {"km": 1.0, "mi": 1.609344}
_MAX_LATITUDE, _MAX_LONGITUDE = 90.0, 180.0


class _Place(NamedTuple):
    latitude: str
    longitude: str


def great_circle(*given: float | str | None) -> float | None:
    """Along the surface from one latitude and longitude to another, by the haversine formula; None
    when one of the four is missing or no number. The last one given is the unit, `mi` or `km`.
    """
    try:
        north, east, to_north, to_east = (math.radians(float(each)) for each in given[:4])  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None  # no place, or an unchecked write has left what is no number
    half = math.sin((to_north - north) / 2) ** 2
    half += math.cos(north) * math.cos(to_north) * math.sin((to_east - east) / 2) ** 2
    return 2 * _EARTH_KILOMETRES * math.asin(min(1.0, math.sqrt(half))) / _KILOMETRES[str(given[4])]


def is_distance(expression: Expression) -> bool:
    """True for a distance, formatted or not."""
    if not isinstance(expression, FunctionCall):
        return False
    return expression.name == DISTANCE or bool(expression.argument and is_distance(expression.argument))


def distance_sql(call: FunctionCall, scope: Scope) -> str:
    """The distance as SQL, in the call's unit; raises `PlacedSoqlError` for other arguments than a
    place of the record, a place and a unit.
    """
    if len(call.arguments) != len(("from", "to", "unit")):
        raise _refused("DISTANCE takes two locations and a unit", call)
    first, second, unit = call.arguments
    if not isinstance(first, FieldPath):
        raise _refused("The first location of DISTANCE must be a field", call)
    unit_text = string_value(unit) if isinstance(unit, Literal) and unit.kind is LiteralKind.STRING else ""
    if unit_text.lower() not in _KILOMETRES:
        raise _refused("The unit of DISTANCE must be 'mi' or 'km'", call)
    places = (*_of_record(first, scope), *_place(second, call, scope))
    return f"{GREAT_CIRCLE}({', '.join(places)}, '{unit_text.lower()}')"


def _place(argument: Expression | Literal, call: FunctionCall, scope: Scope) -> _Place:
    if isinstance(argument, FieldPath):
        return _of_record(argument, scope)
    if isinstance(argument, FunctionCall) and argument.name == GEOLOCATION:
        degrees = [
            float(each.text)
            for each in argument.arguments
            if isinstance(each, Literal) and each.kind is LiteralKind.NUMBER
        ]
        if len(argument.arguments) == len(degrees) == len(_Place._fields):
            latitude, longitude = degrees
            if abs(latitude) <= _MAX_LATITUDE and abs(longitude) <= _MAX_LONGITUDE:
                return _Place(repr(latitude), repr(longitude))
        raise _refused("GEOLOCATION takes a latitude of -90 to 90 and a longitude of -180 to 180", argument)
    raise _refused("The second location of DISTANCE must be a field or GEOLOCATION", call)


def _of_record(path: FieldPath, scope: Scope) -> _Place:
    resolved = scope.resolve(path)
    field = resolved.field
    if field.kind not in COMPOUNDS or not field.has_place:
        detail = f"field '{path.text}' can not be used in DISTANCE: it has no latitude and longitude"
        raise PlacedSoqlError("INVALID_FIELD", detail, at=path.at)
    return _Place(*(f'{resolved.source}."{field.parts[part]}"' for part in _Place._fields))


def _refused(detail: str, call: FunctionCall) -> PlacedSoqlError:
    return PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
