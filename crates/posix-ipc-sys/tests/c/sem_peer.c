/* The C library's own semaphores, to share with: sem_peer NAME COMMAND [COUNT].
 *
 * Speaks in lines: "ready" when the semaphore is open, then what the command found. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    fflush(stdout);
    exit(1);
}

static struct timespec in_microseconds(long us)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += us * 1000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Takes COUNT units by waits of some 50 microseconds each; counts those that ran out. */
static long timed(sem_t *sem, long count)
{
    long timeouts = 0;
    for (long i = 0; i < count;) {
        struct timespec t = in_microseconds(20 + i % 50);
        if (sem_timedwait(sem, &t) == 0)
            i++;
        else if (errno == ETIMEDOUT)
            timeouts++;
        else if (errno != EINTR)
            fail("sem_timedwait");
    }
    return timeouts;
}

/* Guards a plain counter in shared memory with the semaphore. */
static void guard(sem_t *sem, const char *memory, long count)
{
    int fd = shm_open(memory, O_RDWR, 0);
    if (fd < 0)
        fail("shm_open");
    volatile unsigned *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counter == MAP_FAILED)
        fail("mmap");
    for (long i = 0; i < count; i++) {
        while (sem_wait(sem) != 0)
            if (errno != EINTR)
                fail("sem_wait");
        *counter = *counter + 1;
        if (sem_post(sem) != 0)
            fail("sem_post");
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *name = argv[1], *command = argv[2];
    long count = argc > 3 ? atol(argv[3]) : 1;
    sem_t *sem;
    if (strcmp(command, "create") == 0)
        sem = sem_open(name, O_CREAT | O_EXCL, 0600, (unsigned)count);
    else
        sem = sem_open(name, 0);
    if (sem == SEM_FAILED)
        fail("sem_open");
    puts("ready");
    fflush(stdout);

    long found = 0;
    if (strcmp(command, "post") == 0) {
        for (long i = 0; i < count; i++)
            if (sem_post(sem) != 0)
                fail("sem_post");
    } else if (strcmp(command, "wait") == 0) {
        for (long i = 0; i < count; i++)
            while (sem_wait(sem) != 0)
                if (errno != EINTR)
                    fail("sem_wait");
    } else if (strcmp(command, "timed") == 0) {
        found = timed(sem, count);
    } else if (strcmp(command, "timeout") == 0) {
        struct timespec t = in_microseconds(count);
        found = sem_timedwait(sem, &t) == 0 ? 0 : errno;
    } else if (strcmp(command, "guard") == 0) {
        guard(sem, argv[4], count);
    } else if (strcmp(command, "value") == 0 || strcmp(command, "create") == 0) {
        int value;
        sem_getvalue(sem, &value);
        found = value;
    } else if (strcmp(command, "size") == 0) {
        found = sizeof(sem_t);
    } else {
        return 2;
    }
    printf("%ld\n", found);
    return 0;
}
