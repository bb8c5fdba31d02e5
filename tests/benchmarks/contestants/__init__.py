"""What unpod-sync is compared with. Each is a script of its own, run as a process, without our code.

They read UNPOD_BASE_URL, UNPOD_API_TOKEN, UNPOD_ORG_HANDLE, BENCH_SPACES and BENCH_PAGE_SIZE, write into
the folder given as first argument, and print what they hold at the end as JSON.
"""
