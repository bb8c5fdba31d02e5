/* Moves the wall clock of a process by CLOCK_SHIFT seconds; tests/dates.py compiles and preloads it.
 *
 * Only the wall clock moves. Monotonic clocks stay, and so do waits: a deadline in wall-clock time is moved
 * back, because the kernel compares it with the real clock. libfaketime 0.9.10 also replaces monotonic waits,
 * and Python aborts or hangs with it ("take_gil: PyCOND_WAIT failed").
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A condition variable may wait by either clock. Only wall-clock deadlines are this large (2001 and later). */
#define WALL_CLOCK_SECONDS 1000000000

static time_t shift;
static __typeof__(&sem_timedwait) real_sem_timedwait;
static __typeof__(&sem_clockwait) real_sem_clockwait;
static __typeof__(&pthread_cond_timedwait) real_cond_timedwait;
static __typeof__(&pthread_cond_clockwait) real_cond_clockwait;

__attribute__((constructor)) static void prepare(void) {
    const char *seconds = getenv("CLOCK_SHIFT");
    shift = seconds ? atol(seconds) : 0;
    real_sem_timedwait = dlsym(RTLD_NEXT, "sem_timedwait");
    real_sem_clockwait = dlsym(RTLD_NEXT, "sem_clockwait");
    real_cond_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    real_cond_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
}

static struct timespec moved_back(const struct timespec *deadline) {
    struct timespec moved = *deadline;
    if (moved.tv_sec > WALL_CLOCK_SECONDS) moved.tv_sec -= shift;
    return moved;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int status = syscall(SYS_clock_gettime, clock, now);
    if (!status && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift;
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone; /* obsolete, and NULL in practice */
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return result ? (*result = now.tv_sec) : now.tv_sec;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    struct timespec moved = moved_back(deadline);
    return real_sem_timedwait(semaphore, &moved);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict deadline) {
    struct timespec moved = moved_back(deadline);
    return real_sem_clockwait(semaphore, clock, &moved);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
    struct timespec moved = moved_back(deadline);
    return real_cond_timedwait(condition, mutex, &moved);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict deadline) {
    struct timespec moved = moved_back(deadline);
    return real_cond_clockwait(condition, mutex, clock, &moved);
}
