-- needs: Case
with log as (
    select
        record_id,
        change_order,
        change_type,
        changed_at,
        commit_user,
        change_origin,
        case when has_status then status end as status,
        has_status
    from {{ ref('stg_case_change') }}
    {{ only_touched('case', [['account_id', 'account'], ['contact_id', 'contact']]) }}
),

told as (
    -- The changes that say something of the status, in their order.
    select
        *,
        sum(case when has_status then 1 else 0 end) over (
            partition by record_id order by change_order rows between unbounded preceding and current row
        ) as spell
    from log
    where has_status or change_type in ('delete', 'undelete')
),

carried as (
    select *, max(status) over (partition by record_id, spell) as status_then
    from told
),

compared as (
    select
        *,
        lag(status_then) over (partition by record_id order by change_order) as status_before,
        row_number() over (partition by record_id order by change_order) as place
    from carried
),

changes as (
    select
        *,
        case
            when change_type = 'delete' then 'deleted'
            when change_type = 'undelete' then 'undeleted'
            when place = 1 then 'first'
            else 'changed'
        end as kind
    from compared
    where place = 1 or change_type in ('delete', 'undelete') or coalesce(status_then, '') <> coalesce(status_before, '')
),

numbered as (
    select
        *,
        row_number() over (partition by record_id order by change_order) as event_number,
        lag(changed_at) over (partition by record_id order by change_order) as before_at
    from changes
)

select
    {{ version_key('Case', 'numbered.record_id', 'numbered.change_order') }} as case_event_key,
    {{ record_key('Case', 'numbered.record_id') }} as case_key,
    numbered.record_id,
    numbered.change_order,
    numbered.event_number,
    numbered.kind,
    numbered.changed_at,
    {{ date_key('numbered.changed_at') }} as changed_date_key,
    {{ value_key('status|Case', 'numbered.status_then') }} as status_key,
    {{ value_key('status|Case', 'numbered.status_before') }} as status_before_key,
    numbered.status_then as status,
    numbered.status_before,
    {{ parent_key('account', 'account', 'case_now.account_id') }} as account_key,
    {{ parent_key('contact', 'contact', 'case_now.contact_id') }} as contact_key,
    {{ value_key('user', 'numbered.commit_user') }} as changed_by_key,
    {{ value_key('program', 'case_now.program') }} as program_key,
    numbered.change_origin,
    {{ hours_between('numbered.before_at', 'numbered.changed_at') }} as hours_in_status_before
from numbered
left join {{ ref('stg_case') }} as case_now on case_now.record_id = numbered.record_id
{{ as_of_join('account', 'account', 'case_now.account_id', 'numbered.changed_at') }}
{{ as_of_join('contact', 'contact', 'case_now.contact_id', 'numbered.changed_at') }}
