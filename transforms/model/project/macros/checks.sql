{# Facts that name an account and have not the key of its version that was valid at `moment`. An account that is
   unknown yet is no fault. `source` is the staging table, `account` its column with the account's id. #}
{% macro facts_without_their_account(fact, source, account, moment) -%}
select fact.record_id
from {{ ref(fact) }} as fact
join {{ ref(source) }} as source_row on source_row.record_id = fact.record_id
left join {{ ref('dim_account') }} as account on account.account_key = fact.account_key
where source_row.{{ account }} is not null
    and coalesce(account.record_id, '') <> '(unknown)'
    and (
        account.record_id is null
        or account.record_id <> source_row.{{ account }}
        or fact.{{ moment }} < account.effective_from
        or fact.{{ moment }} >= account.effective_to
    )
{%- endmacro %}
