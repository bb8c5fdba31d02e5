-- One value: the upper end of the 95% Wilson interval of hits of cases; NULL without cases.
create or replace macro wilson_high(hits, cases) as (
    1 - wilson_low(cases - hits, cases)
);
