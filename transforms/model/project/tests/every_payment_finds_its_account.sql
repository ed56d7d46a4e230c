-- needs: Payment__c, Account
-- Each payment that names an account has the key of the version that was valid then.
{{ facts_without_their_account('fact_payment', 'stg_payment', 'account', 'due_at') }}
