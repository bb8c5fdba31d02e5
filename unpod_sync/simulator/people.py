"""Invented contacts: plausible names, numbers that nobody has."""

# ruff: noqa: SIM905 — lists of names read better as text

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

_INDIAN_FIRST: Final = (
    "Aarav Aditi Ajay Akash Amit Ananya Anil Anita Anjali Arjun Arun Bhavna Chetan Deepa Deepak Divya Farhan "
    "Gaurav Geeta Harish Imran Isha Jaya Jyoti Karan Kavita Kiran Lakshmi Lata Mahesh Manish Meena Mohan Mukesh "
    "Nandini Naveen Neha Nikhil Pooja Pradeep Prakash Preeti Priya Rahul Rajesh Rakesh Ramesh Rekha Ritu Rohit "
    "Sandeep Sanjay Sapna Sarita Shalini Shankar Shruti Sneha Sunil Sunita Suresh Swati Tarun Usha Varun Vijay "
    "Vinod Vivek Yash Zoya"
).split()
_INDIAN_LAST: Final = (
    "Agarwal Ansari Bansal Bhat Chauhan Chopra Das Deshmukh Dubey Fernandes Ghosh Gill Gupta Iyer Jain Joshi "
    "Kapoor Khan Kulkarni Kumar Mehta Menon Mishra Mukherjee Nair Naik Pandey Patel Patil Pillai Rao Rathore "
    "Reddy Saxena Sethi Shah Sharma Shetty Singh Sinha Srivastava Thomas Tiwari Varma Verma Yadav"
).split()
_US_FIRST: Final = (
    "Aaron Alice Amanda Andrew Angela Brandon Brian Carla Carlos Catherine Daniel Denise Diana Edward Emily "
    "Eric Frank Gloria Grant Hannah Heather Isaac Jacob Janet Jason Jeffrey Joyce Karen Keith Laura Leon Linda "
    "Marcus Maria Martin Megan Nancy Oscar Pamela Patrick Paula Peter Rachel Raymond Rosa Russell Sandra Scott "
    "Sharon Teresa Theodore Tina Victor Wendy"
).split()
_US_LAST: Final = (
    "Adams Alvarez Baker Bennett Brooks Campbell Carter Collins Cooper Diaz Edwards Evans Fisher Flores Foster "
    "Garcia Gray Hayes Henderson Howard Hughes Jenkins Kelly Kim Lewis Long Martinez Mitchell Morgan Morris "
    "Nguyen Ortiz Parker Perry Phillips Price Ramirez Reed Rivera Rogers Ross Russell Sanders Simmons Stewart "
    "Sullivan Torres Turner Walker Ward Watson Wood"
).split()
_US_AREAS: Final = (202, 206, 212, 213, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801, 919)


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone to call."""

    name: str
    number: str
    email: str
    country: str
    utc_offset_minutes: int

    @property
    def first_name(self) -> str:
        """How the agent addresses them."""
        return self.name.split()[0]


def contact(seed: int, country: str, number: int) -> Contact:
    """Contact so-and-so of a country; always the same for a seed."""
    rng = Random(f"{seed}:contact:{country}:{number}")
    if country == "US":
        name = f"{rng.choice(_US_FIRST)} {rng.choice(_US_LAST)}"
        area = _US_AREAS[number // 100 % len(_US_AREAS)]
        phone = f"+1{area}55501{number % 100:02d}"
        offset = -300
    else:
        name = f"{rng.choice(_INDIAN_FIRST)} {rng.choice(_INDIAN_LAST)}"
        phone = f"+9100000{number % 100_000:05d}"
        offset = 330
    email = f"{name.lower().replace(' ', '.')}{number}@example.com"
    return Contact(name, phone, email, country, offset)
