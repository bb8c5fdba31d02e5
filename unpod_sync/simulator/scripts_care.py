"""Campaigns of the second space: clinic reminders and loan follow-up."""

from __future__ import annotations

from typing import Final

from unpod_sync.simulator.cast import Campaign, Question, Wish

CLINIC: Final = Campaign(
    key="clinic",
    title="Clinic Appointment Reminders",
    company="Maple Street Clinic",
    country="US",
    space=1,
    agents=("grace",),
    objective="Remind the patient of the yearly check-up and agree on an appointment.",
    openings=(
        "Hi, this is {agent} from {company}. May I speak with {name}?",
        "Good day, {agent} calling from {company}. Is this {first}?",
        "Hello {first}, it's {agent} at the {company} front desk.",
    ),
    pitches=(
        "Our records show that your yearly check-up is due this month. I can find you a time in a minute.",
        "I'm calling to confirm your follow-up visit, and to see whether the time still works for you.",
        "The doctor asked us to schedule your blood work before the end of the month.",
    ),
    questions=(
        Question(
            "price",
            "Is it covered by my insurance?",
            "The yearly check-up is covered in full by most plans. We verify yours before the visit.",
        ),
        Question("duration", "How long will I have to be there?", "About forty minutes, including the lab."),
        Question(
            "fasting",
            "Do I need to come fasting?",
            "For the blood work yes, only water for eight hours before.",
        ),
        Question(
            "doctor", "Will it be the same doctor as last time?", "Yes, you are down with the same physician."
        ),
        Question("parking", "Is there parking at the new place?", "Yes, free of charge behind the building."),
        Question(
            "documents", "What should I bring?", "Your insurance card and a list of the medicines you take."
        ),
        Question(
            "price",
            "What if my plan doesn't cover it?",
            "Then the visit is one hundred and twenty dollars, and we tell you before you come.",
        ),
    ),
    wishes=(
        Wish(
            "preferred_time",
            "Which time of day suits you best?",
            (
                ("morning", "Mornings, before ten if you can."),
                ("afternoon", "Early afternoon."),
                ("lunch break", "Around noon, in my lunch break."),
            ),
        ),
        Wish(
            "preferred_day",
            "And which day of the week?",
            (
                ("Monday", "Monday is best."),
                ("Wednesday", "Let's say Wednesday."),
                ("Friday", "Friday, if there's room."),
            ),
        ),
        Wish(
            "transport_needed",
            "Do you need help getting here?",
            ((False, "No, I drive."), (False, "My daughter brings me."), (True, "Yes, I could use a ride.")),
        ),
    ),
    agreed=(
        "Yes, that works. Put me down.",
        "Perfect, I'll be there.",
        "Okay, book it please.",
    ),
    confirmed=(
        "You're all set, {first}. You'll get a text with the date and what to bring.",
        "Booked. If anything changes, just call the front desk.",
    ),
    refusals=(
        "I moved out of state, I have another doctor now.",
        "I don't want to come in this year.",
        "No thanks, I'm fine.",
    ),
    weights={"interested": 0.45, "call_back": 0.22, "send_details": 0.11, "not_interested": 0.22},
    labels=("Confirmed", "Reschedule", "Moved away", "Needs transport"),
)

LOAN: Final = Campaign(
    key="loan",
    title="Loan Follow-up",
    company="Harbour Finance",
    country="IN",
    space=1,
    agents=("rohan",),
    objective="Follow up on the open instalment, note a date of payment or the reason for the delay.",
    openings=(
        "Good day, this is {agent} from {company}. Am I speaking with {name}?",
        "Hello, {agent} calling on behalf of {company}. Is that {first}?",
        "Namaste {first} ji, I'm {agent} from {company}.",
    ),
    pitches=(
        "It is about the instalment that was due on the fifth. I wanted to ask when we may expect it.",
        "Your last instalment shows as open with us. Perhaps it only crossed with this call.",
        "I'm calling to help you avoid a late fee on this month's instalment.",
    ),
    questions=(
        Question(
            "price",
            "How much is it with the late fee?",
            "The instalment is four thousand eight hundred and twenty, the late fee is waived if it arrives this week.",
        ),
        Question(
            "proof",
            "I already paid through the app.",
            "Thank you. It can take two days to show. Could you read me the last four digits of the reference?",
        ),
        Question(
            "extension",
            "Can I get ten more days?",
            "One extension per year is possible. I can request it, and you get the answer by message.",
        ),
        Question(
            "auto debit",
            "Why did the auto debit fail?",
            "The bank reported insufficient balance on the fifth. We can try again on a date you choose.",
        ),
        Question(
            "credit score",
            "Will this spoil my credit score?",
            "Not if it is settled before the end of the month.",
        ),
        Question("link", "How do I pay now?", "I can send a secure payment link to this number."),
        Question(
            "closing",
            "What if I want to close the loan?",
            "After twelve instalments without a charge. You have paid nine.",
        ),
    ),
    wishes=(
        Wish(
            "promise_date",
            "Which date shall I note for the payment?",
            (
                ("this Friday", "Friday, when my salary comes."),
                ("7th", "On the seventh, surely."),
                ("tomorrow", "Tomorrow morning."),
                ("month end", "At the end of the month."),
            ),
        ),
        Wish(
            "amount",
            "Will you pay it in full?",
            (
                (4820, "Yes, the full amount."),
                (2400, "Half now, half later."),
                (4820, "Full, once I have the link."),
            ),
        ),
        Wish(
            "payment_mode",
            "By payment link or by auto debit?",
            (
                ("link", "Send the link."),
                ("auto debit", "Try the auto debit again."),
                ("branch", "I'll go to the branch."),
            ),
        ),
    ),
    agreed=(
        "Alright, I will pay. Note it down.",
        "Okay, send the link and I'll do it.",
        "Fine, it will be done by then.",
    ),
    confirmed=(
        "Thank you, {first}. I have noted it, and the link is on its way.",
        "Noted. If it arrives by then there is no late fee. Thank you.",
    ),
    refusals=(
        "I'm not going to pay before you answer my complaint.",
        "I have no money this month, what can I do.",
        "Wrong department, talk to my brother, it's his loan.",
        "I told the other person already, not now.",
    ),
    weights={"interested": 0.34, "call_back": 0.26, "send_details": 0.12, "not_interested": 0.28},
    labels=("Promise to pay", "Paid already", "Dispute", "Hardship"),
)
