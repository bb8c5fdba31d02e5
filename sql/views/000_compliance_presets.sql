-- One row per preset of the setting compliance_preset: hours in which a contact may be dialed, caps, and their source.
create or replace view compliance_presets as

select
    -- keys
    presets.preset,

    -- thresholds
    presets.permitted_from_hour::double as permitted_from_hour,
    presets.permitted_until_hour::double as permitted_until_hour,
    presets.max_dials_per_day::bigint as max_dials_per_day,
    presets.max_dials_per_week::bigint as max_dials_per_week,

    -- explanation
    presets.legal_source

from (
    values
    ('none', 0, 24, 0, 0, 'No rule.'),
    (
        'IN', 9, 21, 0, 0,
        'Hours: TRAI, Telecom Commercial Communications Customer Preference Regulations (promotional calls 9:00 to '
        || '21:00; some operators begin at 10:00). Caps: none known. Collection of debts has narrower hours.'
    ),
    (
        'US', 8, 21, 0, 7,
        'Hours: 47 CFR 64.1200(c)(1) and 16 CFR 310.4(c). Week: 12 CFR 1006.14(b)(2), seven calls within seven days, '
        || 'for collectors of debts. Day: no federal cap. States have narrower rules.'
    ),
    (
        'EU', 10, 20, 0, 4,
        'The EU has no common rule; these are the outer limits of France, Code de la consommation, article D. 223-9 '
        || '(decree 2022-1313): 10:00 to 20:00, four calls in 30 days. '
        || 'Its lunch break, weekends and holidays are not checked.'
    )
) as presets (preset, permitted_from_hour, permitted_until_hour, max_dials_per_day, max_dials_per_week, legal_source);

comment on view compliance_presets is
'One row per preset of the setting compliance_preset: hours in which a contact may be dialed, caps, and their source. '
'A starting point for a review, not legal advice.';
