-- Flags of a call build on each other.
select
    task_id,
    is_dialed,
    is_voicemail,
    is_connected,
    is_answered,
    is_engaged
from calls
where
    is_dialed is null
    or is_voicemail is null
    or is_connected is null
    or is_answered is null
    or is_engaged is null
    or is_short is null
    or is_interested is null
    or is_successful is null
    or is_terminal is null
    or is_final is null
    or (is_connected and (is_voicemail or not is_dialed))
    or (is_answered <> (is_connected or is_voicemail))
    or (is_answered and not is_dialed)
    or ((is_engaged or is_short or is_interested) and not is_connected)
    or (is_final and not is_terminal)
