-- needs: Payment__c, Account, ServiceRequest__c
with payments as (
    select *, coalesce(scheduled_at, created_date, changed_at) as due_at
    from {{ ref('stg_payment') }}
    {{ only_touched('payment', [['account', 'account'], ['service_request', 'service_request']]) }}
)

select
    {{ record_key('Payment__c', 'payments.record_id') }} as payment_key,
    payments.record_id,
    payments.name as payment_number,
    {{ parent_key('account', 'account', 'payments.account') }} as account_key,
    {{ parent_key('request', 'service_request', 'payments.service_request') }} as service_request_key,
    {{ found_key('owner', 'user') }} as owner_key,
    {{ found_key('program', 'program') }} as program_key,
    {{ found_key('status_now', 'status') }} as status_key,
    payments.status,
    payments.amount,
    payments.currency,
    payments.method,
    payments.period_start,
    payments.period_end,
    payments.due_at,
    {{ date_key('payments.due_at') }} as due_date_key,
    payments.settled_at,
    {{ date_key('payments.settled_at') }} as settled_date_key,
    payments.attempt,
    coalesce(payments.on_hold, false) as is_on_hold,
    coalesce(meaning.stage, 'unmapped') = 'closed' and not payments.is_deleted as is_settled,
    payments.is_deleted,
    payments.changed_at
from payments
left join {{ ref('status_meaning') }} as meaning
    on meaning.object_name = 'Payment__c' and meaning.status = payments.status
{{ as_of_join('account', 'account', 'payments.account', 'payments.due_at') }}
{{ as_of_join('request', 'service_request', 'payments.service_request', 'payments.due_at') }}
{{ value_join('owner', 'user', 'user', 'payments.owner_id') }}
{{ value_join('program', 'program', 'program', 'payments.program') }}
{{ value_join('status_now', 'status', 'status|Payment__c', 'payments.status') }}
