-- One value: the lower end of the 95% Wilson interval of hits of cases; NULL without cases.
create or replace macro wilson_low(hits, cases) as (
    case
        -- 3.8415 is the square of the 97.5% point of the normal distribution
        when cases > 0 then greatest(
            (
                hits::double / cases + 3.841458820694124 / (2 * cases)
                - sqrt(
                    3.841458820694124::double / cases
                    * (hits::double / cases * (1 - hits::double / cases) + 3.841458820694124 / (4 * cases))
                )
            )
            / (1 + 3.841458820694124 / cases),
            0
        )
    end
);
