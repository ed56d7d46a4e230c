"""A program of an lht user: `python lht.py CALL` with the org on stdin, a result on stdout."""

import json
import logging
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

from lht.salesforce import retl
from lht.warehouse import Warehouse


class Rows(Warehouse):
    """A warehouse whose tables are in memory; what lht logs of its jobs is dropped."""

    def rows(self, query):
        return self.session[query]

    def create_schema(self, schema):
        pass

    def create_table(self, table, columns):
        pass

    def insert_rows(self, table, columns, rows, chunk_size=500):
        pass

    def timestamp_literal(self, value):
        return "NULL"


def upsert(org):
    access = {**org["session"], "instance_url": org["instance_url"]}
    warehouse = Rows(org["tables"])
    found = []
    for name in org["tables"]:
        told = retl.upsert(warehouse, access, name, name, "ExternalId__c")
        found.append({"object": name, **{key: told[key] for key in told if key != "batch_results"}})
    return found


logging.disable(logging.CRITICAL)
print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
