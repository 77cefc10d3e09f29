/* A clock that is off, for a process started with this library in LD_PRELOAD and BATON_TEST_CLOCK_OFF_S set to seconds.
 *
 * Owns: the time of day, nothing else. Waiting is not touched, which is why this is not libfaketime: that shifts the
 * deadlines of condition variables too, and Kafka's client then waits for hours or not at all.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *at)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, at);
    const char *off = getenv("BATON_TEST_CLOCK_OFF_S");
    if (code == 0 && clock == CLOCK_REALTIME && off)
        at->tv_sec += atol(off);
    return code;
}
