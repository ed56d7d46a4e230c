"""A program of a django-salesforce user: `python django_salesforce.py CALL` with the org on stdin,
a result on stdout. The models are those of the org's objects, as `inspectdb` would write them.
"""

import json
import sys

import django
from django.conf import settings

ORG = json.load(sys.stdin)
settings.configure(
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "salesforce": {
            "ENGINE": "salesforce.backend",
            "CONSUMER_KEY": ORG["client_id"],
            "CONSUMER_SECRET": ORG["client_secret"],
            "USER": ORG["username"],
            "PASSWORD": ORG["password"],
            "HOST": ORG["url"],
        },
    },
    SALESFORCE_DB_ALIAS="salesforce",
    DATABASE_ROUTERS=["salesforce.router.ModelRouter"],
    INSTALLED_APPS=["salesforce"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

from django.db.models import Count, Q, Sum  # noqa: E402 -- the settings come first
from salesforce import models  # noqa: E402 -- the settings come first
from salesforce.dbapi.exceptions import SalesforceError  # noqa: E402 -- the settings come first


class Account(models.Model):
    name = models.CharField(max_length=255, db_column="Name")
    description = models.TextField(null=True, db_column="Description")
    region = models.CharField(max_length=40, null=True, db_column="Region__c", custom=True)
    last_modified_date = models.DateTimeField(db_column="LastModifiedDate", sf_read_only=models.READ_ONLY)

    class Meta(models.Model.Meta):
        app_label = "org"
        managed = False
        db_table = "Account"


class Opportunity(models.Model):
    name = models.CharField(max_length=120, db_column="Name")
    account = models.ForeignKey(Account, models.DO_NOTHING, null=True, db_column="AccountId")
    stage = models.CharField(max_length=255, db_column="StageName")
    close_date = models.DateField(db_column="CloseDate")
    amount = models.DecimalField(max_digits=18, decimal_places=2, null=True, db_column="Amount")
    is_won = models.BooleanField(db_column="IsWon", sf_read_only=models.READ_ONLY)

    class Meta(models.Model.Meta):
        app_label = "org"
        managed = False
        db_table = "Opportunity"


class Lead(models.Model):
    last_name = models.CharField(max_length=80, db_column="LastName")
    company = models.CharField(max_length=255, db_column="Company")
    status = models.CharField(max_length=255, db_column="Status", default=models.DEFAULTED_ON_CREATE)

    class Meta(models.Model.Meta):
        app_label = "org"
        managed = False
        db_table = "Lead"


def crud(org):
    made = Account.objects.create(name="Made by the ORM", description=org["text"])
    read = Account.objects.get(pk=made.pk)
    Account.objects.filter(pk=made.pk).update(name="Changed by the ORM")
    changed = Account.objects.get(pk=made.pk).name
    read.delete()
    return {
        "id": made.pk,
        "description": read.description,
        "has_time": read.last_modified_date.tzinfo is not None,
        "changed": changed,
        "is_gone": not Account.objects.filter(pk=made.pk).exists(),
    }


def related(org):
    account = Account.objects.create(name="Of the ORM's deals")
    for number, stage in enumerate(("Prospecting", "Closed Won", "Closed Won"), 1):
        Opportunity.objects.create(
            name=f"Deal {number}",
            account=account,
            stage=stage,
            close_date="2026-03-01",
            amount=f"{number}.10",
        )
    deals = Opportunity.objects.filter(account__name="Of the ORM's deals")
    return {
        "won": [each.name for each in deals.filter(is_won=True).order_by("name")],
        "names": list(deals.select_related("account").values_list("account__name", flat=True)),
        "either": deals.filter(Q(name="Deal 1") | Q(amount__gt=3)).count(),
        "sums": {
            row["stage"]: [row["n"], float(row["total"])]
            for row in deals.values("stage").annotate(n=Count("id"), total=Sum("amount")).order_by("stage")
        },
    }


def many(_org):
    Lead.objects.bulk_create([Lead(last_name=f"Many {number:03d}", company="ORM") for number in range(250)])
    found = Lead.objects.filter(company="ORM").order_by("last_name")
    return {"names": [each.last_name for each in found], "statuses": sorted({each.status for each in found})}


def pages(_org):
    return [each.pk for each in Account.objects.all().iterator()]


def refusal(_org):
    try:
        Opportunity.objects.create(name="No stage", stage="", close_date="2026-03-01")
    except SalesforceError as error:
        return {"code": error.data[0]["errorCode"], "fields": error.data[0].get("fields")}
    return None


print(json.dumps(globals()[sys.argv[1]](ORG)))
