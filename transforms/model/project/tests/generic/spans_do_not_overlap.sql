{% test spans_do_not_overlap(model) %}
select record_id, effective_from
from (
    select
        record_id,
        effective_from,
        effective_to,
        lead(effective_from) over (partition by record_id order by effective_from, effective_to) as next_from
    from {{ model }}
) as spans
where effective_to <= effective_from or (next_from is not null and next_from <> effective_to)
{% endtest %}
