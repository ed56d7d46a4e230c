-- needs: Case, Account
-- Each case that names an account has the key of the version that was valid when it was opened.
{{ facts_without_their_account('fact_case', 'stg_case', 'account_id', 'opened_at') }}
