-- needs: ServiceRequest__c, Account, Contact, Case
with requests as (
    select *, coalesce(submitted_at, created_date, changed_at) as requested_at
    from {{ ref('stg_service_request') }}
    {{ only_touched('service_request', [['account', 'account'], ['contact', 'contact'], ['"case"', 'case']]) }}
)

select
    {{ record_key('ServiceRequest__c', 'requests.record_id') }} as service_request_key,
    requests.record_id,
    requests.name as request_number,
    {{ parent_key('account', 'account', 'requests.account') }} as account_key,
    {{ parent_key('contact', 'contact', 'requests.contact') }} as contact_key,
    {{ parent_key('parent_case', 'case', 'requests."case"') }} as case_key,
    {{ found_key('owner', 'user') }} as owner_key,
    {{ found_key('program', 'program') }} as program_key,
    {{ found_key('status_now', 'status') }} as status_key,
    requests.status,
    requests.channel,
    requests.category,
    requests.district,
    requests.priority,
    requests.urgent as is_urgent,
    requests.requested_at,
    {{ date_key('requests.requested_at') }} as requested_date_key,
    requests.due_date,
    coalesce(meaning.is_open, true) and not requests.is_deleted as is_open,
    requests.is_deleted,
    requests.changed_at
from requests
left join {{ ref('status_meaning') }} as meaning
    on meaning.object_name = 'ServiceRequest__c' and meaning.status = requests.status
{{ as_of_join('account', 'account', 'requests.account', 'requests.requested_at') }}
{{ as_of_join('contact', 'contact', 'requests.contact', 'requests.requested_at') }}
{{ as_of_join('parent_case', 'case', 'requests."case"', 'requests.requested_at') }}
{{ value_join('owner', 'user', 'user', 'requests.owner_id') }}
{{ value_join('program', 'program', 'program', 'requests.program') }}
{{ value_join('status_now', 'status', 'status|ServiceRequest__c', 'requests.status') }}
