"""How a field's values are encrypted: what the catalogue's class of the field asks for."""

from dataclasses import dataclass

from schemas.catalogue import ObjectSpec, Pii


@dataclass(frozen=True)
class Seal:
    """The context of a field's tokens, and their form."""

    context: str
    """`Contact.Email`: authenticated with the value, so that a token fits no other field."""
    is_bound: bool = False
    """True: the record's id is authenticated, too, and equal values of two records have nothing in
    common. False: equal values of the field have equal tokens.
    """
    group: str = ""
    """Of bound tokens: they carry a blind index that is equal for equal values of every field of
    this group. "" = they carry none.
    """


def seal_of(spec: ObjectSpec, name: str) -> Seal:
    """The seal of a field. A field that the catalogue lacks is sealed as a personal one."""
    field = spec.fields.get(name)
    is_bound = field is not None and field.pii is Pii.SENSITIVE
    group = "" if field is None else field.blind_index or ""
    return Seal(f"{spec.name}.{name}", is_bound, group)
