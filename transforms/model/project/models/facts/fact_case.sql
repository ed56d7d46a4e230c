-- needs: Case, Account, Contact
with cases as (
    select *
    from {{ ref('stg_case') }}
    {{ only_touched('case', [['account_id', 'account'], ['contact_id', 'contact']]) }}
),

events as (
    select event.record_id, event.changed_at, event.event_number, event.kind, meaning.stage, before.stage as stage_before,
        coalesce(meaning.is_open, true) as is_open, coalesce(before.is_open, true) as was_open
    from {{ ref('fact_case_event') }} as event
    left join {{ ref('status_meaning') }} as meaning on meaning.object_name = 'Case' and meaning.status = event.status
    left join {{ ref('status_meaning') }} as before on before.object_name = 'Case' and before.status = event.status_before
    where event.record_id in (select record_id from cases)
),

milestones as (
    select
        record_id,
        min(changed_at) as first_seen_at,
        min(case when stage = 'in_review' then changed_at end) as first_in_review_at,
        min(case when stage = 'waiting' then changed_at end) as first_waiting_at,
        min(case when stage = 'escalated' then changed_at end) as first_escalated_at,
        min(case when stage in ('decided', 'closed') then changed_at end) as first_decided_at,
        max(case when stage = 'closed' then changed_at end) as last_closed_at,
        max(case when kind = 'deleted' then changed_at end) as last_deleted_at,
        sum(case when kind in ('first', 'changed', 'archived') then 1 else 0 end) as status_count,
        sum(case when kind = 'changed' and is_open and not was_open then 1 else 0 end) as reopened_count
    from events
    group by record_id
),

timed as (
    select
        cases.*,
        milestones.first_in_review_at,
        milestones.first_waiting_at,
        milestones.first_escalated_at,
        milestones.first_decided_at,
        milestones.last_deleted_at,
        coalesce(milestones.status_count, 0) as status_count,
        coalesce(milestones.reopened_count, 0) as reopened_count,
        coalesce(cases.created_date, milestones.first_seen_at, cases.changed_at) as opened_at,
        coalesce(meaning.is_open, true) as is_open,
        case when meaning.stage = 'closed' then coalesce(cases.closed_date, milestones.last_closed_at) end as closed_at,
        cases.created_date + cast(cases.sla_hours * 3600 as bigint) * interval '1 second' as sla_due_at
    from cases
    left join milestones on milestones.record_id = cases.record_id
    left join {{ ref('status_meaning') }} as meaning on meaning.object_name = 'Case' and meaning.status = cases.status
)

select
    {{ record_key('Case', 'timed.record_id') }} as case_key,
    timed.record_id,
    timed.case_number,
    {{ parent_key('account', 'account', 'timed.account_id') }} as account_key,
    {{ parent_key('contact', 'contact', 'timed.contact_id') }} as contact_key,
    {{ found_key('owner', 'user') }} as owner_key,
    {{ found_key('queue', 'queue') }} as queue_key,
    {{ found_key('program', 'program') }} as program_key,
    {{ found_key('status_now', 'status') }} as status_key,
    timed.status,
    timed.priority,
    timed.origin,
    timed.type,
    {{ date_key('timed.opened_at') }} as opened_date_key,
    {{ date_key('timed.first_decided_at') }} as decided_date_key,
    {{ date_key('timed.closed_at') }} as closed_date_key,
    timed.opened_at,
    timed.first_in_review_at,
    timed.first_waiting_at,
    timed.first_escalated_at,
    timed.first_decided_at,
    timed.closed_at,
    timed.due_date,
    timed.sla_hours,
    timed.sla_due_at,
    timed.status_count,
    timed.reopened_count,
    {{ hours_between('timed.opened_at', 'timed.first_decided_at') }} as hours_to_decision,
    {{ hours_between('timed.opened_at', 'timed.closed_at') }} as hours_to_close,
    case when timed.sla_due_at is not null and timed.first_decided_at is not null
        then timed.first_decided_at > timed.sla_due_at end as is_decided_late,
    timed.is_open and not timed.is_deleted as is_open,
    timed.is_deleted,
    case when timed.is_deleted then timed.last_deleted_at end as deleted_at,
    timed.changed_at
from timed
{{ as_of_join('account', 'account', 'timed.account_id', 'timed.opened_at') }}
{{ as_of_join('contact', 'contact', 'timed.contact_id', 'timed.opened_at') }}
{{ value_join('owner', 'user', 'user', 'timed.owner_id') }}
{{ value_join('queue', 'queue', 'queue', 'timed.queue') }}
{{ value_join('program', 'program', 'program', 'timed.program') }}
{{ value_join('status_now', 'status', 'status|Case', 'timed.status') }}
