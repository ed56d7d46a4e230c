"""Shared by tests of the REST families."""

V = "/services/data/v67.0"


def error(response):
    [only] = response.json()
    return only


def make_accounts(org, count):
    with org.transaction() as tx:
        return [tx.create("Account", {"Name": f"Account {number:05d}"}) for number in range(count)]
