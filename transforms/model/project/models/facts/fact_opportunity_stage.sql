-- needs: Opportunity, Account
with {{ value_changes('opportunity', 'stage_name', [['account_id', 'account']], 'stage') }}

select
    {{ version_key('Opportunity', 'numbered.record_id', 'numbered.change_order') }} as opportunity_stage_key,
    {{ record_key('Opportunity', 'numbered.record_id') }} as opportunity_key,
    numbered.record_id,
    numbered.change_order,
    numbered.event_number,
    numbered.kind,
    numbered.changed_at,
    {{ date_key('numbered.changed_at') }} as changed_date_key,
    {{ found_key('status_now', 'status') }} as status_key,
    {{ found_key('status_earlier', 'status') }} as status_before_key,
    numbered.value_then as stage,
    numbered.value_before as stage_before,
    {{ parent_key('account', 'account', 'opportunity_now.account_id') }} as account_key,
    {{ found_key('changed_by', 'user') }} as changed_by_key,
    {{ found_key('owner', 'user') }} as owner_key,
    {{ found_key('program', 'program') }} as program_key,
    opportunity_now.amount as amount_now,
    opportunity_now.close_date as close_date_now,
    {{ hours_between('numbered.before_at', 'numbered.changed_at') }} as hours_in_stage_before
from numbered
left join {{ ref('stg_opportunity') }} as opportunity_now on opportunity_now.record_id = numbered.record_id
{{ as_of_join('account', 'account', 'opportunity_now.account_id', 'numbered.changed_at') }}
{{ value_join('status_now', 'status', 'status|Opportunity', 'numbered.value_then') }}
{{ value_join('status_earlier', 'status', 'status|Opportunity', 'numbered.value_before') }}
{{ value_join('owner', 'user', 'user', 'opportunity_now.owner_id') }}
{{ value_join('program', 'program', 'program', 'opportunity_now.grant_program') }}
{{ key_join('changed_by', 'user', 'numbered.changed_by_key') }}
