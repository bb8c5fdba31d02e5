"""Campaigns of the first space: rooftop solar and course admissions."""

from __future__ import annotations

from typing import Final

from unpod_sync.simulator.cast import Campaign, Question, Wish

SOLAR: Final = Campaign(
    key="solar",
    title="Rooftop Solar Offer",
    company="Sunridge Solar",
    country="IN",
    space=0,
    agents=("asha", "vikram"),
    objective="Call the home owner, explain the rooftop solar offer and book a free site survey.",
    openings=(
        "Good day, am I speaking with {name}? This is {agent} from {company}.",
        "Hello, {agent} here from {company}. Is this {first}?",
        "Namaste, this is {agent} calling on behalf of {company}. Do I have {name} on the line?",
    ),
    pitches=(
        "You asked about lowering your electricity bill. We install rooftop panels with the government subsidy, and the survey is free.",
        "I'm calling about the rooftop subsidy that ends this quarter. Most homes save more than half of their power bill.",
        "We are fitting solar in your neighbourhood this month, so a survey engineer could visit you at no cost.",
    ),
    questions=(
        Question(
            "price",
            "How much does the whole thing cost?",
            "For an ordinary home a three kilowatt system is about one lakh eighty thousand, and the subsidy takes off seventy-eight thousand.",
        ),
        Question(
            "subsidy",
            "And the subsidy, do I have to run after it myself?",
            "No, we file the application, and the amount is credited to your bank account in about thirty days.",
        ),
        Question(
            "power cuts",
            "What happens when there is a power cut?",
            "The standard system switches off for safety. If cuts are a problem, we can add a battery for the fans and lights.",
        ),
        Question(
            "maintenance",
            "Who cleans it? We get a lot of dust here.",
            "A wash every two weeks is enough, and the first five years of service visits are included.",
        ),
        Question(
            "warranty",
            "And if a panel breaks after two years?",
            "Panels have a twenty-five year output warranty, the inverter ten years. We replace it at site.",
        ),
        Question(
            "roof",
            "My roof is partly shaded by a tree, will it even work?",
            "The engineer measures the shadow. With optimisers a shaded corner costs you only a little.",
        ),
        Question(
            "loan",
            "Is there any loan? I can't pay all that at once.",
            "Yes, at about seven percent through two banks. The instalment usually stays below your present bill.",
        ),
        Question(
            "price",
            "My neighbour got it cheaper from someone else.",
            "That may be without the subsidy paperwork or with smaller panels. I can send you a line by line comparison.",
        ),
    ),
    wishes=(
        Wish(
            "monthly_bill",
            "May I ask how much you pay for electricity in a usual month?",
            (
                (2500, "Around two and a half thousand."),
                (4000, "About four thousand rupees."),
                (6500, "In summer six to seven thousand."),
                (3200, "Three thousand two hundred last month."),
                (9000, "Nearly nine thousand, we have three ACs."),
            ),
        ),
        Wish(
            "roof_type",
            "And is it a flat concrete roof or a sloping one?",
            (
                ("flat", "Flat, normal concrete."),
                ("flat", "It's a flat terrace."),
                ("tiled", "Sloping, with tiles."),
                ("metal sheet", "Half of it is tin sheet."),
            ),
        ),
        Wish(
            "budget",
            "Which budget do you have in mind?",
            (
                (150000, "Not more than one and a half lakh."),
                (200000, "Two lakh maximum."),
                ("120000-180000", "Somewhere between one twenty and one eighty."),
                (250000, "Up to two and a half is fine if it is good."),
            ),
        ),
        Wish(
            "preferred_time",
            "When could our engineer come for the survey?",
            (
                ("Saturday morning", "Saturday morning is good."),
                ("weekday evening", "Any weekday after six."),
                ("Sunday", "Only on Sunday."),
                ("tomorrow 4 pm", "Tomorrow around four."),
            ),
        ),
    ),
    agreed=(
        "Okay, that sounds good. Send the engineer.",
        "Fine, let's do the survey, it is free anyway.",
        "Yes, I'm interested. Book it.",
        "Let's go ahead, the bill is killing us.",
    ),
    confirmed=(
        "Wonderful, {first}. The survey is booked, you will get a confirmation on this number.",
        "Great, I have put you down for the visit. The engineer will call before coming.",
    ),
    refusals=(
        "We live in a rented flat, so no.",
        "I already have solar, thank you.",
        "No, I'm not interested right now.",
        "It's too costly for us, leave it.",
    ),
    weights={"interested": 0.26, "call_back": 0.22, "send_details": 0.18, "not_interested": 0.34},
    labels=("Hot", "Warm", "Cold", "Price sensitive"),
)

ADMISSIONS: Final = Campaign(
    key="admissions",
    title="Course Admissions Spring",
    company="Lakeview Institute",
    country="IN",
    space=0,
    agents=("nisha",),
    objective="Call the applicant, answer questions on the data analytics course and book a counselling session.",
    openings=(
        "Hi, is this {name}? I'm {agent}, an admissions counsellor with {company}.",
        "Hello {first}, {agent} from {company}. You looked at our data analytics course last week.",
        "Good day, this is {agent} calling from {company}. Am I speaking to {first}?",
    ),
    pitches=(
        "The spring batch of the data analytics certificate starts in three weeks, and a few scholarship seats are left.",
        "You downloaded our syllabus, so I wanted to see whether you have questions before the seats fill up.",
        "We have opened evening classes for people who work. Would you like to hear how it runs?",
    ),
    questions=(
        Question(
            "price",
            "What are the fees?",
            "The full course is sixty-five thousand, and with the early scholarship it comes to fifty-two.",
        ),
        Question(
            "placement",
            "Do you guarantee a job after this?",
            "We can't guarantee one, but seventy-one percent of the last batch had an offer within four months.",
        ),
        Question(
            "timing",
            "I work till six. Are there evening classes?",
            "Yes, Monday to Thursday from seven thirty to nine, live online, with recordings.",
        ),
        Question(
            "background",
            "I'm from commerce, will I manage the programming?",
            "About half of the batch has no coding background. The first month is only spreadsheets and SQL.",
        ),
        Question("instalments", "Can I pay in parts?", "Yes, in three parts, without interest."),
        Question(
            "certificate",
            "Who issues the certificate?",
            "The institute, together with our industry partner, after a capstone project.",
        ),
        Question(
            "language",
            "Is it taught in English only?",
            "Lectures are in English, mentors help in Hindi, Tamil and Telugu.",
        ),
        Question(
            "refund",
            "What if I stop after a month?",
            "You get back whatever has not started yet, it is in the agreement.",
        ),
    ),
    wishes=(
        Wish(
            "qualification",
            "What have you studied so far?",
            (
                ("B.Com", "I finished B.Com last year."),
                ("B.Tech", "B.Tech, mechanical."),
                ("BBA", "I'm in the last year of BBA."),
                ("MA", "A master's in economics."),
            ),
        ),
        Wish(
            "experience_years",
            "And how many years have you worked?",
            (
                (0, "None, I'm a fresher."),
                (2, "Two years in accounts."),
                (5, "Five years now."),
                (1, "About one year."),
            ),
        ),
        Wish(
            "preferred_batch",
            "Would mornings or evenings suit you better?",
            (
                ("evening", "Evenings, definitely."),
                ("weekend", "Only weekends work for me."),
                ("morning", "Mornings are fine."),
            ),
        ),
        Wish(
            "budget",
            "Is the fee within what you planned?",
            (
                (52000, "With the scholarship, yes."),
                (40000, "I had about forty thousand in mind."),
                ("instalments", "Only if I can pay in parts."),
            ),
        ),
    ),
    agreed=(
        "Yes, please book the counselling session.",
        "Okay, I want to apply. What do I do next?",
        "That works for me, I'd like a seat.",
    ),
    confirmed=(
        "Excellent, {first}. I have booked a session with a senior counsellor, the link comes by e-mail.",
        "Perfect. I am sending the application form now, it takes ten minutes.",
    ),
    refusals=(
        "I have already joined another institute.",
        "No, I'm preparing for government exams now.",
        "It's out of my budget, sorry.",
        "I was only looking, not interested.",
    ),
    weights={"interested": 0.28, "call_back": 0.2, "send_details": 0.27, "not_interested": 0.25},
    labels=("Ready to apply", "Exploring", "Fee concern", "Not eligible"),
)
