"""What `doctor` finds: configuration, API and files, each finding with its remedy.

Nothing is changed and nothing stored; the token is never part of a finding.
"""

from unpod_sync.operations.doctor import run_checks
from unpod_sync.operations.finding import Finding, Level, exit_status

__all__ = ["Finding", "Level", "exit_status", "run_checks"]
