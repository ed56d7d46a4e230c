{# Facts that name an account and have not the key of its version that was valid at `moment`. An account that is
   unknown yet is no fault. Neither is a record that changed since the build began: staging shows it as it is now, and the
   next build makes its fact again. `source` is the staging table, `account` its column with the account's id. #}
{% macro facts_without_their_account(fact, source, account, moment) -%}
{%- set arrivals = ref(source ~ '_arrival') -%}
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
    and fact.record_id not in (select record_id from {{ arrivals }} where arrived_at >= {{ facts_are_of() }})
{%- endmacro %}
