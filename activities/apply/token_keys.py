"""Under which data key an object's curated tables hold their tokens, and rows brought to it.

A table has one key at a time: equal values of a personal field have equal tokens in it, also while
the org goes over from one key to the next. The row of `ops.token_key` changes in the transaction
that re-encrypts current and history; until then changes that were landed under the new key are
brought back to the former one.
"""

from datetime import UTC, datetime

from clients.warehouse import Transaction
from clients.warehouse.sql import apply as sql, token_keys
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import TOKEN_KEY_COLUMNS
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms


def table_forms(
    transaction: Transaction, spec: ObjectSpec | None, protector: Protector | None
) -> TokenForms | None:
    """The form of the tokens in the object's curated tables; None when it has none, or when nobody
    can make any. Ask under the object's lock.
    """
    if protector is None or spec is None or not any(field.is_protected for field in spec.fields.values()):
        return None
    return TokenForms(protector, spec, table_key(transaction, spec, protector.ring.active.id))


def table_key(transaction: Transaction, spec: ObjectSpec, usual: str) -> str:
    """The key of the object's tables; `usual` from now on when they have none yet."""
    found = transaction.fetch(token_keys.find_token_key(), [spec.name])
    if found:
        return str(found[0][0])
    row = (spec.name, usual, datetime.now(UTC))
    transaction.execute(sql.insert_row(sql.TOKEN_KEY, TOKEN_KEY_COLUMNS), row)
    return usual
