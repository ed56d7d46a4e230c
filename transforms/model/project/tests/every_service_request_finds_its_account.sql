-- needs: ServiceRequest__c, Account, Contact, Case
-- Each service request that names an account has the key of the version that was valid then.
{{ facts_without_their_account('fact_service_request', 'stg_service_request', 'account', 'requested_at') }}
