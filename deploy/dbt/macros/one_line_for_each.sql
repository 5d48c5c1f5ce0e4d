{#- Fails for each combination of these columns that has several lines; NULL counts as a value. -#}
{% test one_line_for_each(model, columns) %}
select {{ columns | join(', ') }}, count(*) as times
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
