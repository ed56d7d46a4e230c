-- needs: Case, Account, Contact
with {{ value_changes('case', 'status', [['account_id', 'account'], ['contact_id', 'contact']]) }}

select
    {{ version_key('Case', 'numbered.record_id', 'numbered.change_order') }} as case_event_key,
    {{ record_key('Case', 'numbered.record_id') }} as case_key,
    numbered.record_id,
    numbered.change_order,
    numbered.event_number,
    numbered.kind,
    numbered.changed_at,
    {{ date_key('numbered.changed_at') }} as changed_date_key,
    {{ found_key('status_now', 'status') }} as status_key,
    {{ found_key('status_earlier', 'status') }} as status_before_key,
    numbered.value_then as status,
    numbered.value_before as status_before,
    {{ parent_key('account', 'account', 'case_now.account_id') }} as account_key,
    {{ parent_key('contact', 'contact', 'case_now.contact_id') }} as contact_key,
    {{ found_key('changed_by', 'user') }} as changed_by_key,
    {{ found_key('program', 'program') }} as program_key,
    numbered.change_origin,
    {{ hours_between('numbered.before_at', 'numbered.changed_at') }} as hours_in_status_before
from numbered
left join {{ ref('stg_case') }} as case_now on case_now.record_id = numbered.record_id
{{ as_of_join('account', 'account', 'case_now.account_id', 'numbered.changed_at') }}
{{ as_of_join('contact', 'contact', 'case_now.contact_id', 'numbered.changed_at') }}
{{ value_join('status_now', 'status', 'status|Case', 'numbered.value_then') }}
{{ value_join('status_earlier', 'status', 'status|Case', 'numbered.value_before') }}
{{ value_join('program', 'program', 'program', 'case_now.program') }}
{{ key_join('changed_by', 'user', 'numbered.changed_by_key') }}
